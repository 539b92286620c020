/** The status page; its script fills it. */
export const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>socket-supervisor</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="uplot.css">
<link rel="stylesheet" href="page.css">
</head>
<body>
<header>
  <h1 id="name">socket-supervisor</h1>
  <p id="phase" role="status">connecting</p>
  <p id="address"></p>
</header>
<main>
  <dl id="numbers"></dl>
  <div id="reload" hidden>
    <label for="progress">Reload</label>
    <progress id="progress"></progress>
    <span id="replaced"></span>
  </div>
  <section class="plots">
    <figure><figcaption>Sessions per worker</figcaption><div id="sessions"></div></figure>
    <figure><figcaption>Event loop, longest delay (ms)</figcaption><div id="delay"></div></figure>
    <figure><figcaption>Resident memory (MB)</figcaption><div id="memory"></div></figure>
  </section>
  <section>
    <h2>Processes</h2>
    <div class="scroll"><table>
      <thead><tr><th>#</th><th>pid</th><th>state</th><th>generation</th><th>sessions</th>
      <th>loop</th><th>delay</th><th>CPU</th><th>memory</th><th>uptime</th><th>restarts</th></tr></thead>
      <tbody id="workers"></tbody>
    </table></div>
  </section>
  <section>
    <h2>Events</h2>
    <ol id="events"></ol>
  </section>
</main>
<script src="uplot.js"></script>
<script src="page.js"></script>
</body>
</html>
`;
