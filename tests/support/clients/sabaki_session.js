'use strict'

// Drives an engine with the library that Sabaki is built on: node sabaki_session.js PACKAGE PROGRAM [ARGUMENT...]
// Prints what happened as one JSON object; a command that fails ends it with status 1.

const [packagePath, program, ...programArguments] = process.argv.slice(2)
const {Controller, ControllerStateTracker} = require(packagePath)

const MOVES = 12
const controller = new Controller(program, programArguments)
const tracker = new ControllerStateTracker(controller)
const report = {moves: [], info: [], stderr: [], knows: []}

controller.on('stderr', ({content}) => report.stderr.push(content))
controller.on('stopped', () => (report.stopped = true))

async function ask(name, ...args) {
  const response = await controller.sendCommand({name, args})
  if (response.error) throw new Error(`${name} ${args.join(' ')}: ${response.content}`)
  return response.content
}

async function introduce() {
  const questions = ['name', 'version', 'protocol_version', 'list_commands', 'komi 7.5']
  const answers = await Promise.all(questions.map(line => ask(...line.split(' '))))
  report.name = answers[0]
  report.knows = answers[3].split('\n')
}

function play(color, vertex) {
  return {name: 'play', args: [color, vertex]}
}

async function setUp() {
  const handicap = {name: 'set_free_handicap', args: ['D4', 'Q16']}
  const history = [handicap, play('W', 'Q4'), play('B', 'D16'), play('W', 'F3')]
  const position = {komi: 0.5, boardsize: [19, 19]}
  await tracker.sync({...position, history})
  await tracker.sync({...position, history: [...history.slice(0, 3), play('W', 'C14')]})
  report.history = tracker.state.history.map(({name, args}) => [name, ...args].join(' '))
  report.lastMove = (await ask('move_history')).split('\n')[0]
}

// As Sabaki does it: the first command it prefers, and protocol_version to end it.
async function analyse() {
  const command = ['analyze', 'kata-analyze', 'lz-analyze'].find(name => report.knows.includes(name))
  if (command == null) return
  report.analysis = command
  const lines = new Promise(resolve => {
    report.ended = controller.sendCommand({name: command, args: ['B', '10']}, ({line}) => {
      if (line.startsWith('info ')) report.info.push(line)
      if (report.info.length >= 2 || (line === '' && report.info.length >= 1)) resolve()
    })
  })
  await lines
  const asked = Date.now()
  await ask('protocol_version')
  await report.ended
  report.stopMs = Date.now() - asked
  delete report.ended
}

async function game() {
  await tracker.sync({komi: 7.5, boardsize: [19, 19], history: []})
  const search = ['genmove_analyze', 'kata-genmove_analyze', 'lz-genmove_analyze'].find(name =>
    report.knows.includes(name)
  )
  for (let number = 0; number < MOVES; number++) {
    const color = number % 2 === 0 ? 'B' : 'W'
    if (search == null || number % 4 < 2) {
      report.moves.push((await ask('genmove', color)).trim())
    } else {
      const said = await ask(search, color, '10')
      report.moves.push(said.match(/^play (\S+)/m)[1])
    }
  }
  await new Promise(resolve => setImmediate(resolve)) // the tracker hears of the last move
  report.tracked = tracker.state.history.map(({args}) => args[1])
  report.score = await ask('final_score')
}

async function main() {
  await introduce()
  await setUp()
  await analyse()
  await game()
  const asked = Date.now()
  await controller.stop(3000)
  report.quitMs = Date.now() - asked
  console.log(JSON.stringify(report))
}

main().catch(error => {
  console.error(error.message)
  if (controller.process != null) controller.process.kill('SIGKILL')
  process.exitCode = 1
})
