"""The likeliest encoding of bytes that do not say theirs, judged by the letters that each encoding makes of them.

Records hold little text, often two names alone, so that statistics of byte pairs have nothing to go by. Each candidate
decodes the text instead, and is judged letter by letter: letters that names, ranks and results of Go are written
with speak for it, letters that hardly anybody writes speak against it. The rows of the national standards (GB 2312,
Big5, JIS X 0208, KS X 1001) sort letters into common and rare ones.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

from lzeval.records.input.structure import is_well_formed

CHINESE, TRADITIONAL, JAPANESE, UNIX_JAPANESE, KOREAN, WESTERN = (
    *("gb18030", "big5hkscs", "cp932", "euc_jp", "cp949", "cp1252"),
)
CANDIDATES = (CHINESE, TRADITIONAL, JAPANESE, UNIX_JAPANESE, KOREAN)
JUDGED_BYTES = 1 << 16
"""Bytes of a text that are looked at."""
COMMON, LISTED, RARE, EXTENDED, WRONG = 3.0, 1.0, -0.5, -1.0, -3.0
"""Weight of one letter for its encoding; EXTENDED: in the traditional letters that GBK adds to GB 2312."""
UNREADABLE = -15.0
"""Bytes that are no letter."""
ILL_FORMED = -30.0
"""Text in which the brackets of a record do not agree."""

_SIMPLIFIED = (
    "李王张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊"
    "金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文柯洁古力聂卫平华学明国伟志建军俊杰浩宇辰昊毅廷睿朴桓申真谞世石昌镐赫井山裕太"
    "一二三四五六七八九十百零半目子胜负黑白中盘和棋局段级业余职专名人赛杯届第决预选组轮男女年月日时分秒手先让贴超弃权不计数点区网中国日本韩朝"
    "小大老新春天地东西南北红星海阳永春晓丽娜芮乃容艳梅竞丹辉鑫彤彦嘉宜铭睿恺博飞超强勇斌磊涛战对弈围友谊甲乙丙级联赛应氏富士通三星春兰农心亚洲电视快"
)
_TRADITIONAL_ONLY = (
    "張劉陳楊趙黃吳孫馬羅鄭謝韓馮許蕭鄧呂蘇盧蔣賈葉閻鍾薑範譚鄒陸龍萬錢湯喬賀賴龔潔聶衛華學國偉傑廷諝鎬勝負盤級業餘職專賽屆決預選組輪時讓貼棄權數點區網"
    "東紅陽曉麗內豔競輝彥銘愷飛強濤戰對圍誼聯應電視棋局段名人杯第男女年月日分秒手先不計中和李王周林徐高朱何郭梁宋唐曹袁沈曾彭戴夏汪田任方石姚廖熊金白江"
    "一二三四五六七八九十百半目子黑世俊勳功臺灣灣仕海峰立誠光文勇立元坤慶煒豪士傑元駿洲昱廷均嶽紘至恩柏詩旗賢紹慧"
)
_KANJI = (
    "井山裕太一力遼本因坊名人棋聖王座天元十段碁黒白番中押勝負持時間切反則目半子級九八七六五四三二第回戦局期挑手合大会杯先決準予選日本院関西年月日分秒"
    "田村木林上下小川原藤高橋佐伊松野中島石竹吉加張栩依田紀基趙治勲武宮正樹秀哉雄行依結城聡羽根直樹芝大輔虎丸許家元仲邑菫謝依旻上藤沢里菜万波奈穂河野臨"
    "清成呉源秀策道知哲丈和秀栄岩橋宇太郎光一夫男幸敏三男康正弘信之介真美子女流新人東京都大阪神奈川県"
)
_HANGUL = (
    "김이박최정강조윤장임한오서신권황안송류유전홍고문손양배백허남심노하곽성차주우구민진지석세돌창호준상훈영현동환목철한승재기국원규태수희민혁준성욱병찬식"
    "흑백불계승패집반목단급시간기권무빅점선공제덤대국제회차결본예선전배컵바둑최고명인왕위프로아마한국중국일본여자남자년월일분초수만의가나다라마바사아자카타파하"
    "타이젬오로넷친선승급강자유랜덤연구생들도로은는을에서와과그저것이있없했다요님"
)
_LETTERS = {
    CHINESE: frozenset(_SIMPLIFIED + _TRADITIONAL_ONLY),
    TRADITIONAL: frozenset(_TRADITIONAL_ONLY),
    JAPANESE: frozenset(_KANJI),
    UNIX_JAPANESE: frozenset(_KANJI),
    KOREAN: frozenset(_HANGUL),
}
_LISTED_ROWS = {
    CHINESE: ("gb2312", 0xB0A1, 0xD7F9),
    TRADITIONAL: ("big5", 0xA440, 0xC67E),
    JAPANESE: ("cp932", 0x889F, 0x9872),
    UNIX_JAPANESE: ("euc_jp", 0xB0A1, 0xCFD3),
    KOREAN: ("euc_kr", 0xB0A1, 0xC8FE),
}
"""The first level of each standard: the letters that were thought to be in use."""
_SECOND_ROWS = {
    CHINESE: ("gb2312", 0xD8A1, 0xF7FE),
    TRADITIONAL: ("big5", 0xC940, 0xF9D5),
    JAPANESE: ("cp932", 0x989F, 0xEAA4),
    UNIX_JAPANESE: ("euc_jp", 0xD0A1, 0xF4A6),
    KOREAN: ("euc_kr", 0xCAA1, 0xFDFE),
}
_KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\u30fc]")
_HALF_WIDTH = re.compile(r"[\uff61-\uff9f]")
_NEUTRAL = re.compile(
    r"[\u3000-\u3020\u2010-\u2026\u00b7\u00d7\uff01-\uff5e\u2460-\u2473\u25a0-\u25cf\u2605\u2606]"
)
_WESTERN_LETTER = re.compile(
    r"(?<![\u0080-\U0010ffff])[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff\u0152\u0153\u0160\u0161\u017d\u017e]"
    r"(?![\u0080-\U0010ffff])|[\u2013\u2018-\u201d\u00ab\u00bb\u00b0\u00a9]"
)
_HIGH = re.compile(r"[\u0080-\U0010ffff]")


def guess(data: bytes) -> str:
    """The likeliest encoding of `data`, by Python's name: UTF-8 if it can be, else the candidate judged best.

    A guess, and no more. `latin-1`, in which all bytes are letters, where nothing else can be.
    """
    if is_in(data, "utf-8"):
        return "utf-8"
    judged = data[:JUDGED_BYTES]
    best = max(CANDIDATES, key=lambda name: _support(judged, name))
    if _western_support(judged) >= _support(judged, best):
        return WESTERN if is_in(data, WESTERN) else "latin-1"
    return best


def is_in(data: bytes, name: str) -> bool:
    """Tell whether all bytes of `data` are text in the encoding `name`."""
    try:
        data.decode(name)
    except UnicodeDecodeError:
        return False
    return True


def _support(data: bytes, name: str) -> float:
    """Support for the many-byte encoding `name`: the sum of what its letters are worth."""
    text = data.decode(name, "replace")
    total = sum(count * _worth(letter, name) for letter, count in Counter(_HIGH.findall(text)).items())
    return total + (0.0 if is_well_formed(text) else ILL_FORMED)


def _western_support(data: bytes) -> float:
    """Support for Western letters, which stand alone between those of ASCII."""
    text = data.decode(WESTERN, "replace")
    high, likely = len(_HIGH.findall(text)), len(_WESTERN_LETTER.findall(text))
    return COMMON * likely + RARE * (high - likely) + (0.0 if is_well_formed(text) else ILL_FORMED)


@cache
def _worth(letter: str, name: str) -> float:
    if letter == "\ufffd":
        return UNREADABLE
    if letter in _LETTERS[name]:
        return COMMON
    if _KANA.match(letter):
        return COMMON if name in (JAPANESE, UNIX_JAPANESE) else 0.0
    if _NEUTRAL.match(letter):
        return 0.0
    if _HALF_WIDTH.match(letter):
        return -2.0
    if _is_between(letter, *_LISTED_ROWS[name]):
        return LISTED
    if _is_between(letter, *_SECOND_ROWS[name]):
        return RARE
    return EXTENDED if name == CHINESE and _is_between(letter, "gbk", 0x8140, 0xFEA0) else WRONG


def _is_between(letter: str, standard: str, first: int, last: int) -> bool:
    try:
        return first <= int.from_bytes(letter.encode(standard), "big") <= last
    except UnicodeEncodeError:
        return False
