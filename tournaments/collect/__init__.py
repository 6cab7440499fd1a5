"""Games from records, logs, histories and tables, each once, under the right names: the input of `lzeval rate`.

`collect.collect_games` is the way in. `read_records` reads records on all cores, `tournament_state` logs and gomill's
files, `csv_tables` CSV; `deduplicate` drops what came twice, `aliases` and `filters` rename and leave out.
"""
