/** The static frame of the page. page/main.ts fills in everything about the worker. */
export const indexPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>QMesh worker</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cg fill='none' stroke='%231d5fd1' stroke-width='2'%3E%3Cpath d='M4 4l8 8M12 4l-8 8'/%3E%3C/g%3E%3Cg fill='%231d5fd1'%3E%3Ccircle cx='4' cy='4' r='3'/%3E%3Ccircle cx='12' cy='4' r='3'/%3E%3Ccircle cx='4' cy='12' r='3'/%3E%3Ccircle cx='12' cy='12' r='3'/%3E%3C/g%3E%3C/svg%3E">
<link rel="stylesheet" href="/style.css">
<script type="module" src="/page/main.js"></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header>
  <div class="who">
    <h1>QMesh worker <code id="worker">…</code></h1>
    <p id="state" role="status"><span class="dot"></span><span class="words">connecting</span></p>
    <p id="more"></p>
  </div>
  <nav class="views" aria-label="Views">
    <a href="#overview">Overview</a>
    <a href="#charts">Statecharts</a>
    <a href="#messages">Messages</a>
    <a href="#log">Log</a>
  </nav>
  <div class="tools">
    <button type="button" id="pause" aria-pressed="false">Pause view</button>
    <button type="button" id="save" title="Saves one file that opens in any browser, without this worker">Save recording</button>
  </div>
</header>
<p id="connection" role="alert" hidden></p>
<div id="timeline" hidden>
  <label for="moment">Time</label>
  <input id="moment" type="range" min="0" max="0" value="0">
  <output id="moment-time" for="moment"></output>
</div>
<div id="search" hidden>
  <label for="filter">Filter</label>
  <input id="filter" type="search" placeholder="actor, event or request" autocomplete="off" spellcheck="false">
</div>
<main id="main" tabindex="-1">
  <section id="overview" aria-label="Overview"></section>
  <section id="charts" aria-label="Statecharts" hidden></section>
  <section id="messages" aria-label="Messages" hidden></section>
  <section id="log" aria-label="Log" hidden></section>
</main>
<noscript><p>This page shows a worker at work, and needs JavaScript. <a href="/metrics">/metrics</a> has the figures as text.</p></noscript>
</body>
</html>
`;
