// The page's behaviour: the switch between dark and light, the list of games, the board.
// Text from records only ever goes into textContent.

const $ = id => document.getElementById(id)
const PAGE_ROWS = 50, AUTOPLAY_MS = 450
const data = JSON.parse($('data').textContent)
const games = readGames(data)

function element(name, text, className) {
  const made = document.createElement(name)
  if (text !== undefined) made.textContent = text
  if (className) made.className = className
  return made
}

function drawing(name, attributes, text) {
  const made = document.createElementNS($('board').namespaceURI, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  if (text !== undefined) made.textContent = text
  return made
}

// Dark and light

function setUpTheme() {
  const root = document.documentElement, button = $('theme')
  const prefersDark = matchMedia('(prefers-color-scheme: dark)')
  const isDark = () => root.dataset.theme ? root.dataset.theme === 'dark' : prefersDark.matches
  const show = () => { button.textContent = isDark() ? 'Light' : 'Dark' }
  const asked = new URLSearchParams(location.search).get('theme')
  if (asked === 'dark' || asked === 'light') root.dataset.theme = asked
  button.onclick = () => { root.dataset.theme = isDark() ? 'light' : 'dark'; show() }
  prefersDark.addEventListener('change', show)
  button.hidden = false
  show()
}

// The list

const list = {shown: [], rows: 0, sort: 'order', descending: false}

function wantedGames() {
  const form = $('filters').elements
  const player = form.player.value === '' ? null : data.players[form.player.value]
  return {player, colour: form.colour.value, result: form.result.value, opening: form.opening.value.trim().toLowerCase(),
    shortest: form.shortest.value, longest: form.longest.value}
}

function filter() {
  const form = $('filters').elements, hasPlayer = form.player.value !== ''
  form.colour.disabled = !hasPlayer
  $('of-player').disabled = !hasPlayer
  if (!hasPlayer) form.colour.value = ''
  if (!hasPlayer && ['won', 'lost'].includes(form.result.value)) form.result.value = ''
  const wanted = wantedGames()
  list.shown = games.filter(game => matches(game, wanted)).sort(comparison(list.sort, list.descending))
  list.rows = 0
  $('rows').replaceChildren()
  showRows()
}

function showRows() {
  const next = list.shown.slice(list.rows, list.rows + PAGE_ROWS)
  $('rows').append(...next.map(gameRow))
  list.rows += next.length
  const some = list.rows < list.shown.length ? `first ${list.rows} of ` : ''
  $('count').textContent = `${some}${list.shown.length} games` +
    (list.shown.length < games.length ? `, of ${games.length} in all` : '')
  $('more').hidden = list.rows >= list.shown.length
}

function gameRow(game) {
  const row = element('tr')
  const heading = element('th', undefined, 'text')
  heading.scope = 'row'
  const button = element('button', game.id || String(game.order + 1))
  button.type = 'button'
  button.title = game.id
  heading.append(button)
  const result = element('td', resultText(game), game.counts === 'yes' ? 'text' : 'text apart')
  result.title = [resultText(game), game.note].filter(Boolean).join(': ')
  const opening = element('td', game.openingName, 'text opening')
  opening.title = game.openingName
  row.append(heading, playerCell(game, 'b'), playerCell(game, 'w'), result,
    element('td', game.length, 'number'), opening)
  row.dataset.game = game.order
  row.classList.toggle('open', game === viewer.game)
  return row
}

function playerCell(game, colour) {
  const standing = game.winner === colour ? 'won' : ['b', 'w'].includes(game.winner) ? 'lost' : ''
  const cell = element('td', undefined, `text ${standing}`)
  cell.append(element('span', undefined, `stone ${colour}`), game.names[colour] || '?')
  cell.title = game.names[colour]
  return cell
}

function sortBy(button) {
  const name = button.dataset.sort
  list.descending = list.sort === name && !list.descending
  list.sort = name
  for (const heading of document.querySelectorAll('.list [aria-sort]')) heading.removeAttribute('aria-sort')
  button.closest('th').setAttribute('aria-sort', list.descending ? 'descending' : 'ascending')
  filter()
}

function setUpList() {
  const form = $('filters')
  form.elements.player.append(...data.players.map((name, at) => new Option(name || '(not named)', at)))
  $('openings').append(...data.openings.slice(0, 500).map(name => new Option(name)))
  form.hidden = $('browser').hidden = false
  form.addEventListener('input', filter)
  form.addEventListener('submit', event => event.preventDefault())
  form.addEventListener('reset', () => setTimeout(filter))
  $('more').onclick = showRows
  for (const button of document.querySelectorAll('[data-sort]')) button.onclick = () => sortBy(button)
  $('rows').addEventListener('click', event => {
    const row = event.target.closest('tr')
    if (!row) return
    openGame(games[row.dataset.game])
    if (viewer.isBelow()) $('viewer').scrollIntoView({block: 'start'})
  })
  filter()
}

// The board

const viewer = {
  game: null,
  positions: [],
  winrates: [],
  at: 0,
  timer: null,
  isBelow: () => !matchMedia('(min-width: 62rem)').matches,
}

function openGame(game, at) {
  stop()
  const setup = decodeMoves(game.setup, game.size), moves = decodeMoves(game.moves, game.size)
  viewer.game = game
  viewer.positions = replay(game.size, setup, moves)
  viewer.winrates = decodeWinrates(game.winrates)
  $('viewer').hidden = false
  $('slider').max = moves.length
  describeGame(game)
  drawBoard(game.size)
  drawWinrates()
  for (const row of $('rows').children) row.classList.toggle('open', games[row.dataset.game] === game)
  goTo(at === undefined ? moves.length : at)
}

function describeGame(game) {
  $('players').replaceChildren(
    element('span', undefined, 'stone b'), `${game.names.b || '?'} (Black) v `,
    element('span', undefined, 'stone w'), `${game.names.w || '?'} (White)`)
  const facts = [game.id, resultText(game), game.note, `${game.size}×${game.size}`,
    game.komi === null ? '' : `komi ${game.komi}`, game.handicap ? `handicap ${game.handicap}` : '',
    game.openingName, game.date.replace(/-/g, '\u2011')]
  $('facts').textContent = facts.filter(Boolean).join(', ')
}

function drawBoard(size) {
  const board = $('board'), edge = size - 1
  board.setAttribute('viewBox', `-1.4 -1.4 ${edge + 2.8} ${edge + 2.8}`)
  const parts = []
  for (let line = 0; line < size; line++) {
    parts.push(drawing('line', {class: 'rule', x1: line, x2: line, y1: 0, y2: edge}))
    parts.push(drawing('line', {class: 'rule', x1: 0, x2: edge, y1: line, y2: line}))
    for (const away of [-0.98, edge + 0.98]) {
      parts.push(drawing('text', {x: line, y: away}, COLUMNS[line]))
      parts.push(drawing('text', {x: away, y: line}, size - line))
    }
  }
  for (const point of starPoints(size)) {
    parts.push(drawing('circle', {class: 'hoshi', cx: point % size, cy: Math.floor(point / size), r: 0.1}))
  }
  board.replaceChildren(...parts, drawing('g', {id: 'stones'}))
}

function drawStones(position) {
  const {size, stones, last, ko} = position, parts = []
  stones.forEach((colour, point) => {
    if (colour !== EMPTY) parts.push(circleAt(point, size, 0.47, colour === BLACK ? 'b' : 'w'))
  })
  if (last && last.point !== PASS && stones[last.point] !== EMPTY) {
    parts.push(circleAt(last.point, size, 0.22, `mark on-${last.colour === BLACK ? 'b' : 'w'}`))
  }
  if (ko !== null) {
    const x = ko % size - 0.2, y = Math.floor(ko / size) - 0.2
    parts.push(drawing('rect', {class: 'ko', x, y, width: 0.4, height: 0.4}))
  }
  $('stones').replaceChildren(...parts)
}

function circleAt(point, size, r, className) {
  return drawing('circle', {class: className, cx: point % size, cy: Math.floor(point / size), r})
}

// Black's winrate, as Black saw it (a line) and as White saw it (dashes).
function drawWinrates() {
  const chart = $('winrates'), count = Math.max(viewer.positions.length - 1, 1)
  const isKnown = viewer.winrates.some(value => value !== null)
  chart.style.display = $('winrate-key').style.display = isKnown ? '' : 'none'
  if (!isKnown) return
  const side = colour => viewer.winrates.flatMap((value, at) =>
    value === null || viewer.positions[at + 1].last.colour !== colour
      ? [] : [`${(1000 * (at + 1) / count).toFixed(1)},${100 - value}`]).join(' ')
  chart.replaceChildren(
    drawing('line', {class: 'half', x1: 0, x2: 1000, y1: 50, y2: 50}),
    drawing('polyline', {class: 'by-w', points: side(WHITE)}),
    drawing('polyline', {class: 'by-b', points: side(BLACK)}),
    drawing('line', {class: 'at', y1: 0, y2: 100}),
  )
}

function goTo(at) {
  const end = viewer.positions.length - 1
  viewer.at = Math.min(Math.max(at, 0), end)
  const position = viewer.positions[viewer.at]
  drawStones(position)
  $('slider').value = viewer.at
  const marker = $('winrates').querySelector('.at')
  if (marker) for (const end of ['x1', 'x2']) marker.setAttribute(end, 1000 * viewer.at / $('slider').max)
  $('status').textContent = describePosition(position, end)
  if (viewer.at === end) stop()
}

function describePosition({size, last, captured}, end) {
  const parts = [`Move ${viewer.at} of ${end}`]
  if (last) parts[0] += `: ${last.colour === BLACK ? 'Black' : 'White'} ${vertex(last.point, size)}`
  const chance = viewer.at ? viewer.winrates[viewer.at - 1] : null
  if (typeof chance === 'number') {
    const who = viewer.game.names[last.colour === BLACK ? 'b' : 'w']
    parts.push(`Black’s winrate ${chance}\u00a0% as ${who} sees it`)
  }
  parts.push(`stones taken: Black ${captured[BLACK]}, White ${captured[WHITE]}`)
  return parts.join('; ')
}

function stop() {
  clearInterval(viewer.timer)
  viewer.timer = null
  document.querySelector('[data-go="play"]').classList.remove('playing')
}

function toggleAutoplay() {
  if (viewer.timer !== null) return stop()
  if (viewer.at === viewer.positions.length - 1) goTo(0)
  viewer.timer = setInterval(() => goTo(viewer.at + 1), AUTOPLAY_MS)
  document.querySelector('[data-go="play"]').classList.add('playing')
}

const STEPS = {
  first: () => goTo(0),
  back10: () => goTo(viewer.at - 10),
  back: () => goTo(viewer.at - 1),
  play: toggleAutoplay,
  next: () => goTo(viewer.at + 1),
  next10: () => goTo(viewer.at + 10),
  last: () => goTo(viewer.positions.length - 1),
}

function openNeighbour(step) {
  const next = list.shown[list.shown.indexOf(viewer.game) + step]
  if (next) openGame(next)
}

const KEYS = {
  ArrowLeft: event => STEPS[event.shiftKey ? 'back10' : 'back'](),
  ArrowRight: event => STEPS[event.shiftKey ? 'next10' : 'next'](),
  Home: STEPS.first,
  End: STEPS.last,
  p: toggleAutoplay,
  j: () => openNeighbour(1),
  k: () => openNeighbour(-1),
}

function setUpViewer() {
  for (const button of document.querySelectorAll('[data-go]')) button.onclick = () => STEPS[button.dataset.go]()
  $('slider').addEventListener('input', event => goTo(Number(event.target.value)))
  $('winrates').addEventListener('click', event => {
    const {left, width} = event.currentTarget.getBoundingClientRect()
    goTo(Math.round((event.clientX - left) / width * $('slider').max))
  })
  document.addEventListener('keydown', event => {
    const isTyping = event.target.matches('input, select, textarea')
    if (!viewer.game || isTyping || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return
    event.preventDefault()
    KEYS[event.key](event)
  })
}

// `#game-12-80` is the twelfth game after move 80.
function openFromAddress() {
  const found = location.hash.match(/^#game-(\d+)(?:-(\d+))?$/)
  const game = found ? games[Number(found[1]) - 1] : null
  if (game) {
    openGame(game, found[2] && Number(found[2]))
    $('viewer').scrollIntoView({block: 'start'})
  } else if (!viewer.game && !viewer.isBelow() && games.length) {
    openGame(games[0])
  }
}

setUpTheme()
setUpList()
setUpViewer()
openFromAddress()
addEventListener('hashchange', openFromAddress)
