'use strict'

// Go for replaying records: a point is `row * size + column`, row 0 on top and column 0 on the left, as SGF counts.
// Records are taken as they are: nothing is refused, only captures are made and ko is told.

const EMPTY = 0, BLACK = 1, WHITE = 2, PASS = -1
const COLUMNS = 'ABCDEFGHJKLMNOPQRSTUVWXYZ'

// "pdDPzz": Black Q16, White D4, Black's pass.
function decodeMoves(text, size) {
  const moves = []
  for (let at = 0; at < text.length; at += 2) {
    const letters = text.slice(at, at + 2), low = letters.toLowerCase()
    const column = low.charCodeAt(0) - 97, row = low.charCodeAt(1) - 97
    moves.push({colour: letters === low ? BLACK : WHITE, point: low === 'zz' ? PASS : row * size + column})
  }
  return moves
}

// Percents of two digits a move; null where nothing is known.
function decodeWinrates(text) {
  return (text.match(/../g) || []).map(pair => pair === '..' ? null : Number(pair))
}

function neighbours(point, size) {
  const column = point % size, found = []
  if (point >= size) found.push(point - size)
  if (point < size * (size - 1)) found.push(point + size)
  if (column > 0) found.push(point - 1)
  if (column < size - 1) found.push(point + 1)
  return found
}

// The stones joined to the one on `point`, and the points where they breathe.
function groupAt(stones, size, point) {
  const members = new Set([point]), liberties = new Set()
  for (const member of members) {
    for (const next of neighbours(member, size)) {
      if (stones[next] === EMPTY) liberties.add(next)
      else if (stones[next] === stones[point]) members.add(next)
    }
  }
  return {members: [...members], liberties: [...liberties]}
}

function startPosition(size, setup) {
  const stones = new Uint8Array(size * size)
  for (const {colour, point} of setup) stones[point] = colour
  return {size, stones, ko: null, captured: [0, 0, 0], last: null}
}

// The position after a move. `captured[BLACK]` counts the stones that Black took; `ko` is where the opponent may
// not retake at once; `last` is the move.
function play(position, move) {
  const {size} = position, {colour, point} = move
  const next = {...position, stones: position.stones.slice(), captured: [...position.captured], ko: null, last: move}
  if (point === PASS) return next
  next.stones[point] = colour
  const taken = takeFrom(next, point, 3 - colour)
  next.captured[colour] += taken.length
  const own = groupAt(next.stones, size, point)
  if (own.liberties.length === 0) {
    for (const member of own.members) next.stones[member] = EMPTY
    next.captured[3 - colour] += own.members.length
  } else if (taken.length === 1 && own.members.length === 1 && own.liberties.length === 1) {
    next.ko = taken[0]
  }
  return next
}

// Takes what `colour` has beside `point` without liberties off the board.
function takeFrom(position, point, colour) {
  const taken = []
  for (const next of neighbours(point, position.size)) {
    if (position.stones[next] !== colour) continue
    const group = groupAt(position.stones, position.size, next)
    if (group.liberties.length > 0) continue
    for (const member of group.members) position.stones[member] = EMPTY
    taken.push(...group.members)
  }
  return taken
}

// The starting position and one after each move.
function replay(size, setup, moves) {
  const positions = [startPosition(size, setup)]
  for (const move of moves) positions.push(play(positions[positions.length - 1], move))
  return positions
}

function vertex(point, size) {
  if (point === PASS) return 'pass'
  return COLUMNS[point % size] + (size - Math.floor(point / size))
}

// Where boards of this size have dots.
function starPoints(size) {
  if (size < 7) return []
  const edge = size < 13 ? 2 : 3, middle = (size - 1) / 2, far = size - 1 - edge
  const lines = size % 2 && size >= 9 ? [edge, middle, far] : [edge, far]
  return lines.flatMap(row => lines.map(column => [row, column]))
    .filter(([row, column]) => size >= 15 || (row === middle) === (column === middle))
    .map(([row, column]) => row * size + column)
}

if (typeof module !== 'undefined') {
  module.exports = {BLACK, WHITE, PASS, decodeMoves, decodeWinrates, replay, vertex, starPoints}
}
