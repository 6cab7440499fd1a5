// Which games are listed, and in which order.

function readGames(data) {
  return data.games.map((row, order) => {
    const game = Object.fromEntries(data.fields.map((name, at) => [name, row[at]]))
    return {...game, order, names: {b: data.players[game.black], w: data.players[game.white]},
      openingName: game.opening < 0 ? '' : data.openings[game.opening]}
  })
}

const SORT_KEYS = {
  order: game => game.order,
  black: game => game.names.b,
  white: game => game.names.w,
  result: game => resultText(game),
  length: game => game.length,
  opening: game => game.openingName,
}

// `wanted.player` is null for everybody; the other wishes are empty where there is none.
function matches(game, wanted) {
  const {player, colour, result, opening, shortest, longest} = wanted
  if (player !== null && !(colour ? [colour] : ['b', 'w']).some(side => game.names[side] === player)) return false
  if (opening && !game.openingName.toLowerCase().includes(opening)) return false
  if (shortest !== '' && game.length < Number(shortest)) return false
  if (longest !== '' && game.length > Number(longest)) return false
  return !result || hasResult(game, result, player)
}

function hasResult(game, result, player) {
  const hasWinner = game.winner === 'b' || game.winner === 'w'
  if (result === 'won') return hasWinner && game.names[game.winner] === player
  if (result === 'lost') return hasWinner && game.names[game.winner] !== player
  if (result === 'disputed') return game.note.startsWith('disputed')
  return [game.winner, game.ending, game.counts].includes(result)
}

function resultText(game) {
  const words = {jigo: 'jigo', void: 'void', unknown: 'unknown'}
  const remark = game.counts === 'repeat' ? ', repeated' : game.note.startsWith('disputed') ? ', disputed' : ''
  return (words[game.winner] || game.result) + remark
}

function comparison(sort, isDescending) {
  const key = SORT_KEYS[sort], turn = isDescending ? -1 : 1
  const compare = (a, b) => typeof a === 'number' ? a - b : a.localeCompare(b, undefined, {numeric: true})
  return (a, b) => turn * compare(key(a), key(b)) || a.order - b.order
}

if (typeof module !== 'undefined') module.exports = {readGames, matches, comparison, resultText}
