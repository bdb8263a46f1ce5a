/** The page's style: one accent colour, the system's fonts, light or dark as the reader's system is set. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #f6f7f8; --card: #ffffff; --line: #dfe3e8; --text: #17202b; --quiet: #5a6675;
  --accent: #1d5fd1; --accent-soft: #1d5fd118; --good: #15803d; --working: #1d5fd1; --bad: #b42318; --over: #8b95a3;
  --event: #46566b; --guard: #8a5300;
  --mono: ui-monospace, 'SF Mono', 'DejaVu Sans Mono', Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1217; --card: #161b22; --line: #2a323d; --text: #e4e9f0; --quiet: #9aa6b5;
    --accent: #7ab0ff; --accent-soft: #7ab0ff24; --good: #57d08a; --working: #7ab0ff; --bad: #ff8f84; --over: #6b7685;
    --event: #b5c3d6; --guard: #e0ab62;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html { font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif; }
body { margin: 0; background: var(--page); color: var(--text); }
h1, h2, h3, p, ul, ol, dl, dd { margin: 0; padding: 0; }
ul, ol { list-style: none; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
code { font-family: var(--mono); font-size: .92em; }
small { font-size: .85rem; color: var(--quiet); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: .5rem; z-index: 9; background: var(--card); padding: .3rem .6rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

header { display: flex; flex-wrap: wrap; gap: .4rem 2rem; align-items: end; padding: .9rem 1.5rem 0; background: var(--card); border-bottom: 1px solid var(--line); }
.who { display: flex; flex-wrap: wrap; gap: 0 1rem; align-items: baseline; flex: 1 1 100%; }
h1 { font-size: 1.15rem; font-weight: 650; letter-spacing: -.01em; }
h1 code { display: inline-block; max-width: 14ch; overflow: hidden; text-overflow: ellipsis; vertical-align: bottom; font-weight: 500; color: var(--quiet); }
#state { display: flex; align-items: center; gap: .4rem; font-weight: 600; }
#more { color: var(--quiet); font-size: .9rem; }
.views { display: flex; gap: .2rem; flex: 1; overflow-x: auto; }
.views a { padding: .5rem .8rem; color: var(--quiet); border-bottom: 2px solid transparent; white-space: nowrap; font-weight: 550; }
.views a:hover { color: var(--text); text-decoration: none; }
.views a[aria-current] { color: var(--text); border-color: var(--accent); }
.views a:focus-visible { outline-offset: -2px; }
.tools { display: flex; gap: .5rem; padding-bottom: .5rem; }
button { font: inherit; font-size: .9rem; color: var(--text); background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .25rem .75rem; cursor: pointer; }
button:hover { border-color: var(--accent); }
button[aria-pressed='true'] { background: var(--accent); border-color: var(--accent); color: var(--card); }
button.request { font: .8rem var(--mono); padding: 0 .4rem; border-radius: 4px; color: var(--quiet); }
#connection { padding: .5rem 1.5rem; background: var(--accent-soft); border-bottom: 1px solid var(--line); }
#timeline, #search { display: flex; gap: .75rem; align-items: center; padding: .75rem 1.5rem 0; }
#timeline label, #search label { color: var(--quiet); font-size: .9rem; }
#moment { flex: 1; accent-color: var(--accent); }
#moment-time { font: .85rem var(--mono); min-width: 8em; }
#filter { flex: 1; max-width: 26rem; font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .35rem .7rem; }
main { padding: 1rem 1.5rem 3rem; outline: none; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.note { color: var(--quiet); font-size: .9rem; }
.bad { color: var(--bad); }
.dot { display: inline-block; width: .6rem; height: .6rem; border-radius: 50%; background: var(--over); flex: none; }
.good > .dot, .dot.good, [data-mood='good'] .dot, .good h3 .dot { background: var(--good); }
.working > .dot, .dot.working, [data-mood='working'] .dot, .working h3 .dot { background: var(--working); box-shadow: 0 0 0 3px var(--accent-soft); }
.bad > .dot, .dot.bad, .bad h3 .dot, [data-mood='bad'] .dot { background: var(--bad); }
[data-mood='bad'] { color: var(--bad); }
.crashes { color: var(--bad); font-size: .8rem; font-weight: 600; white-space: nowrap; }

#overview { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr); }
#overview .card { padding: 1rem 1.2rem 1.1rem; }
#overview h2 { font-size: .85rem; font-weight: 600; color: var(--quiet); margin-bottom: .35rem; }
@media (min-width: 46rem) {
  #overview { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  #overview .slots.card, #overview .work-done.card, #overview .latest.card { grid-column: span 2; }
}
@media (min-width: 76rem) {
  #overview { grid-template-columns: repeat(4, minmax(0, 1fr)); }
  #overview .work-done.card { grid-column: span 1; }
  #overview .latest.card { grid-column: span 3; }
}
.figure strong { font-size: 1.9rem; font-weight: 650; letter-spacing: -.02em; font-variant-numeric: tabular-nums; }
.figure span { color: var(--quiet); }
meter { width: 100%; height: 8px; overflow: hidden; display: block; border: 0; border-radius: 3px; background: var(--line); -webkit-appearance: none; appearance: none; }
meter::-webkit-meter-inner-element { display: flex; height: 100%; }
meter::-webkit-meter-bar { flex: 1; height: 8px; background: var(--line); border: 0; border-radius: 3px; }
meter::-webkit-meter-optimum-value { background: var(--accent); border-radius: 3px; }
meter::-webkit-meter-suboptimum-value { background: #c98a1b; border-radius: 3px; }
meter::-webkit-meter-even-less-good-value { background: var(--bad); border-radius: 3px; }
meter::-moz-meter-bar { background: var(--accent); border-radius: 3px; }
.body > meter { margin: .35rem 0 .5rem; }
.tiers li { display: grid; grid-template-columns: 5.2rem 1fr 2.2rem; gap: .6rem; align-items: center; font-size: .9rem; line-height: 1.55; }
.tiers b { text-align: right; font-variant-numeric: tabular-nums; }
.tiers .none { color: var(--quiet); }
.tiers .none b { font-weight: 400; }
.tiers .none meter { visibility: hidden; }
.tiers + .note { margin-top: .5rem; }
ul.slots { display: grid; gap: .6rem; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); margin: .5rem 0; }
ul.slots a { display: block; padding: .45rem .7rem; border: 1px solid var(--line); border-radius: 7px; color: inherit; }
ul.slots a:hover { border-color: var(--accent); text-decoration: none; }
ul.slots b { font: 500 .85rem var(--mono); display: block; }
ul.slots span { display: block; color: var(--quiet); }
ul.slots small { display: block; min-height: 1.4em; font-family: var(--mono); font-size: .78rem; }
ul.slots .busy a { border-color: var(--accent); background: var(--accent-soft); }
ul.slots .busy span { color: var(--accent); font-weight: 600; }
ul.slots .offline a { border-style: dashed; }
ul.slots .wedged a, ul.slots .faulted a { border-color: var(--bad); }
.rows li { padding: .3rem 0; }
.rows li + li { border-top: 1px solid var(--line); }
.rows small { display: block; overflow-wrap: anywhere; }
.state { color: var(--quiet); font-size: .9rem; }
dl div { display: flex; justify-content: space-between; gap: 1rem; font-size: .9rem; padding: .12rem 0; }
dt { color: var(--quiet); }
dd { font-variant-numeric: tabular-nums; }

.log li { display: grid; grid-template-columns: 7.2rem 12rem 1fr; gap: 1rem; padding: .28rem 0; font-size: .9rem; align-items: baseline; border-left: 3px solid transparent; }
.log li + li { border-top: 1px solid var(--line); }
.log.card { padding: .4rem 1rem .6rem; }
.log time { font: .82rem var(--mono); color: var(--quiet); }
.log b { font-weight: 600; overflow-wrap: anywhere; }
.log span { overflow-wrap: anywhere; }
.log i { font-style: normal; color: var(--quiet); }
.log .warn b { color: var(--guard); }
.log .error b { color: var(--bad); }
.log .empty { display: block; color: var(--quiet); }

#charts { display: grid; grid-template-columns: 19rem minmax(0, 1fr); gap: 1rem; align-items: start; }
.side { padding: .7rem .5rem .9rem .9rem; position: sticky; top: 1rem; max-height: calc(100vh - 2rem); overflow: auto; }
.side summary { font-weight: 600; font-size: .9rem; color: var(--quiet); cursor: pointer; margin-bottom: .3rem; }
.tree ul ul { padding-left: .85rem; margin-left: .3rem; border-left: 1px solid var(--line); }
.tree a { display: flex; flex-wrap: wrap; gap: 0 .45rem; align-items: center; padding: .1rem .4rem; border-radius: 5px; color: inherit; font-size: .9rem; }
.tree a:hover { background: var(--accent-soft); text-decoration: none; }
.tree a.chosen { background: var(--accent-soft); box-shadow: inset 2px 0 var(--accent); }
.tree b { font-weight: 550; }
.tree .state { font-size: .82rem; }
.tree .over b { color: var(--quiet); text-decoration: line-through; }
.tree .dot { width: .5rem; height: .5rem; }
.walls { display: grid; gap: 1rem; min-width: 0; }
.walls h2 { font-size: .9rem; font-weight: 600; color: var(--quiet); margin-top: .4rem; }
.wall { display: grid; gap: .9rem; grid-template-columns: repeat(auto-fill, minmax(min(16rem, 100%), 1fr)); }
.tile { display: flex; flex-direction: column; padding: .7rem .8rem; color: inherit; min-width: 0; }
.tile:hover { border-color: var(--accent); text-decoration: none; }
.tile h3 { display: flex; align-items: center; gap: .45rem; font-size: .95rem; font-weight: 600; overflow-wrap: anywhere; }
.tile.bad { border-color: var(--bad); }
.tile.working { border-color: var(--accent); }
.tile.over { opacity: .6; }
.tile .drawing { margin-top: .5rem; height: 9.5rem; }
.tile .drawing:empty { display: none; }
.supervisors .drawing { height: 6.5rem; }
.tile svg { width: 100%; height: 100%; }
.detail { display: grid; gap: 1rem; min-width: 0; }
.detail > h2 { font-size: 1rem; }
.about { padding: .9rem 1.2rem; display: grid; gap: .25rem; }
.about h2 { display: flex; gap: .5rem; align-items: center; font-size: 1.25rem; }
.about .path { font-size: .9rem; color: var(--quiet); }
.chart { padding: .6rem; overflow: auto; }
.chart svg { display: block; width: min(100%, var(--width)); min-width: min(var(--width), 40rem); height: auto; margin: auto; }

.statechart { font-family: var(--mono); font-size: 11px; }
.statechart .state { font-size: 11px; }
.statechart text { text-rendering: geometricPrecision; }
.statechart .page { fill: none; }
.statechart text { fill: var(--text); white-space: pre; }
.statechart .name { font-size: 13px; font-weight: bold; }
.statechart .event { fill: var(--event); }
.statechart .guard { fill: var(--guard); }
.statechart .keyword { fill: var(--quiet); }
.statechart .state > rect { fill: var(--over); fill-opacity: .08; stroke: var(--over); stroke-width: 1.2; transition: fill-opacity .25s, stroke .25s; }
.statechart .state.machine > rect { fill-opacity: .03; }
.statechart .state.final > rect { stroke-width: 3; }
.statechart .state.parallel > rect { stroke-dasharray: 6 4; }
.statechart .state.active > rect { fill: var(--accent); fill-opacity: .14; stroke: var(--accent); stroke-width: 2.6; }
.statechart .state.machine.active > rect { fill-opacity: .04; stroke-width: 1.8; }
.statechart .state.active > .name { fill: var(--accent); }
.statechart.crashed .state.machine > rect { stroke: var(--bad); stroke-width: 3; fill: var(--bad); fill-opacity: .07; }
.statechart .line { fill: none; stroke: var(--over); stroke-width: 1.2; }
.statechart .tip, .statechart .initial { fill: var(--over); }
.statechart .fired .line { animation: fire 1.1s ease-out; }
.statechart .fired .tip { animation: tip 1.1s ease-out; }
@keyframes fire { 0%, 35% { stroke: var(--accent); stroke-width: 4; } 100% { stroke: var(--over); stroke-width: 1.2; } }
@keyframes tip { 0%, 35% { fill: var(--accent); } 100% { fill: var(--over); } }

.sequence > * { --lane: clamp(9.5rem, (100cqw - 13.5rem) / var(--lanes, 1), 17rem); --time: 7rem; }
.sequence { container-type: inline-size; overflow: auto; max-height: calc(100vh - 15rem); min-height: 12rem; position: relative; }
.own .sequence { max-height: 26rem; }
.sequence .heads, .sequence li { width: calc(var(--time) + var(--lanes, 1) * var(--lane) + 6rem); }
.heads { display: flex; position: sticky; top: 0; z-index: 2; background: var(--card); border-bottom: 1px solid var(--line); padding-left: var(--time); }
.heads span { flex: none; width: var(--lane); padding: .4rem .3rem; text-align: center; align-self: end; font-size: .82rem; line-height: 1.25; font-weight: 600; overflow-wrap: anywhere; }
.sequence ol { min-height: 6rem; }
.sequence li { position: relative; height: 2.15rem; font-size: .82rem;
  background: repeating-linear-gradient(to right, transparent 0, transparent calc(var(--lane) / 2 - .5px), var(--line) calc(var(--lane) / 2 - .5px), var(--line) calc(var(--lane) / 2 + .5px), transparent calc(var(--lane) / 2 + .5px), transparent var(--lane)) var(--time) 0 / calc(var(--lanes, 1) * var(--lane)) 100% no-repeat; }
.sequence time { position: absolute; left: .6rem; top: .6rem; font: .75rem var(--mono); color: var(--quiet); }
.sequence .mark { position: absolute; left: calc(var(--time) + (var(--from) + .5) * var(--lane)); width: calc(var(--span, 0) * var(--lane)); top: 1.55rem; z-index: 1; border-top: 1.5px solid var(--accent); }
.sequence .mark::after { content: ''; position: absolute; top: -5px; border: 4px solid transparent; border-width: 4px 7px; }
.right > .mark::after { right: -7px; border-left-color: var(--accent); }
.left > .mark::after { left: -7px; border-right-color: var(--accent); }
.sequence .own > .mark { border: 0; }
.sequence .own > .mark::after { border: 0; width: 8px; height: 8px; border-radius: 50%; background: var(--accent); left: -4px; top: -4px; transform: none; }
.sequence .words { position: absolute; left: calc(var(--time) + (var(--from) + .5) * var(--lane) + .55rem); top: .22rem; line-height: 1.25; max-width: max(calc(var(--span, 0) * var(--lane) - 1.1rem), 15rem); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; background: linear-gradient(var(--card), var(--card)) 0 / 100% 100%; padding: 0 .15rem; }
.sequence .own > .words { top: .75rem; }
.sequence .words b { font-weight: 600; }
.sequence .words i { font-style: normal; color: var(--quiet); }
.sequence .moved > .mark, .sequence .started > .mark, .sequence .failed > .mark { display: none; }
.sequence .moved > .words, .sequence .started > .words, .sequence .failed > .words { transform: translateX(calc(-50% - .55rem)); top: .4rem; padding: .06rem .6rem; border-radius: 99px; border: 1px solid var(--accent); color: var(--accent); max-width: 20rem; background: var(--card); z-index: 1; }
.sequence .started > .words { border-style: dashed; }
.sequence .failed > .words { border-color: var(--bad); color: var(--bad); font-weight: 600; }
.sequence button.request { position: absolute; right: .4rem; top: .35rem; z-index: 1; }
#messages .note, .detail .note { padding: .5rem .2rem; }

@media (max-width: 60rem) {
  #charts { grid-template-columns: minmax(0, 1fr); }
  .side { position: static; max-height: 60vh; }
}
@media (max-width: 40rem) {
  html { font-size: 14.5px; }
  header { padding: .7rem 1rem 0; gap: .3rem 1rem; }
  .views { flex-basis: 100%; order: 3; margin: 0 -.6rem; }
  .views a { padding: .5rem .6rem; }
  .tools { padding: 0; }
  main { padding: .8rem 1rem 2rem; }
  #timeline, #search, #connection { padding-left: 1rem; padding-right: 1rem; }
  .wall { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .6rem; }
  .tile { padding: .55rem .6rem; }
  .tile .drawing { height: 7rem; }
  .log li { grid-template-columns: auto 1fr; gap: .1rem .8rem; }
  .log span { grid-column: 1 / -1; }
  .sequence { max-height: none; }
  .sequence .heads, .sequence .mark { display: none; }
  .sequence li { width: auto; height: auto; background: none; display: grid; grid-template-columns: 6.2rem 1fr auto; gap: .5rem; padding: .3rem .6rem; align-items: baseline; }
  .sequence li + li { border-top: 1px solid var(--line); }
  .sequence time, .sequence .words, .sequence li.own > .words, .sequence button.request { position: static; max-width: none; transform: none; white-space: normal; overflow-wrap: anywhere; line-height: 1.4; }
  .sequence .moved > .words, .sequence .started > .words, .sequence .failed > .words { transform: none; border: 0; border-radius: 0; padding: 0 .15rem; }
  .sequence .unseen { position: static; width: auto; height: auto; clip-path: none; white-space: normal; color: var(--quiet); }
  ul.slots { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
`;
