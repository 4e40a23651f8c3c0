// The report as one HTML page: a pure function of the findings. Nothing is loaded from elsewhere, and every text that
// comes from a finding is escaped.

const TOP = 25;

const escape = (value) =>
  String(value).replace(/[&<>"']/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[c]);
const number = (n) => n.toLocaleString('en-US');
const sum = (counts) => Object.values(counts).reduce((a, b) => a + b, 0);
const plural = (n, one) => `${number(n)} ${one}${n === 1 ? '' : 's'}`;

/** Of the files that tell the same story, the one that tells most of it; the first by name where that is equal. */
function distinct(findings) {
  const best = new Map();
  const told = (f) => sum(f.releases) + f.undated + sum(f.changes);
  for (const finding of [...findings].sort((a, b) => (a.file < b.file ? -1 : 1))) {
    const known = best.get(finding.identity);
    if (!known || told(finding) > told(known)) best.set(finding.identity, finding);
  }
  return [...best.values()];
}

function summarise(findings) {
  const stories = distinct(findings);
  const years = new Map(); // year → {debian, upstream, changes}
  const packages = new Map(); // package → {urgent, lastUrgent, cves}
  const add = (counts, kind) => {
    for (const [year, n] of Object.entries(counts)) {
      const row = years.get(+year) ?? { debian: 0, upstream: 0, changes: 0 };
      row[kind] += n;
      years.set(+year, row);
    }
  };
  for (const story of stories) {
    add(story.releases, story.format === 'debian' ? 'debian' : 'upstream');
    add(story.changes, 'changes');
    const entry = packages.get(story.package) ?? { name: story.package, urgent: 0, lastUrgent: null, cves: new Set() };
    entry.urgent += story.urgent;
    entry.lastUrgent ??= story.lastUrgent;
    story.cves.forEach((cve) => entry.cves.add(cve));
    packages.set(story.package, entry);
  }
  const all = [...packages.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    files: findings.length,
    stories: stories.length,
    years,
    packages: all,
    releases: stories.reduce((n, s) => n + sum(s.releases) + s.undated, 0),
    undated: stories.reduce((n, s) => n + s.undated, 0),
    changes: stories.reduce((n, s) => n + sum(s.changes), 0),
    unread: stories.reduce((n, s) => n + s.unread, 0),
    urgent: all.reduce((n, p) => n + p.urgent, 0),
    cves: new Set(all.flatMap((p) => [...p.cves])).size,
  };
}

function niceStep(most) {
  const rough = Math.max(1, most / 5);
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((m) => m * power).find((step) => step >= rough);
}

function chart(years) {
  const counted = [...years.keys()].filter((year) => years.get(year).debian + years.get(year).upstream > 0);
  if (counted.length === 0) return '<p class="empty">No release with a date yet.</p>';
  const [first, last] = [Math.min(...counted), Math.max(...counted)];
  const most = Math.max(...counted.map((year) => years.get(year).debian + years.get(year).upstream));
  const [width, height, left, top, bottom] = [960, 320, 48, 12, 28];
  const step = niceStep(most);
  const highest = Math.ceil(most / step) * step;
  const slot = (width - left) / (last - first + 1);
  const bar = Math.min(slot * 0.72, 48);
  const y = (n) => top + (height - top - bottom) * (1 - n / highest);
  const f = (n) => n.toFixed(1);
  const parts = [];
  for (let n = 0; n <= highest; n += step) {
    parts.push(
      `<line class="${n ? 'grid' : 'axis'}" x1="${left}" x2="${width}" y1="${f(y(n))}" y2="${f(y(n))}"/>`,
      `<text class="tick" x="${left - 8}" y="${f(y(n) + 4)}" text-anchor="end">${number(n)}</text>`,
    );
  }
  const every = slot < 44 ? 5 : 1;
  for (let year = first; year <= last; year++) {
    const { debian, upstream } = years.get(year) ?? { debian: 0, upstream: 0 };
    const x = left + (year - first) * slot + (slot - bar) / 2;
    const rect = (kind, from, to) =>
      to > from ? `<rect class="${kind}" x="${f(x)}" width="${f(bar)}" y="${f(y(to))}" height="${f(y(from) - y(to))}"/>` : '';
    parts.push(
      `<g><title>${year}: ${plural(debian + upstream, 'release')} (${number(debian)} Debian, ${number(upstream)} upstream)</title>`,
      `<rect class="hit" x="${f(left + (year - first) * slot)}" width="${f(slot)}" y="${top}" height="${height - top - bottom}"/>`,
      rect('debian', 0, debian),
      rect('upstream', debian, debian + upstream),
      '</g>',
    );
    if (year % every === 0) parts.push(`<text class="tick" x="${f(x + bar / 2)}" y="${height - 8}" text-anchor="middle">${year}</text>`);
  }
  return `<ul class="legend"><li><i class="debian"></i>Debian revisions</li><li><i class="upstream"></i>Upstream release notes</li></ul>
<div class="scroll" tabindex="0" role="group" aria-label="Releases by year, chart"><svg viewBox="0 0 ${width} ${height}" role="img"
aria-label="Bar chart: releases by year from ${first} to ${last}, at most ${number(most)} in a year. The figures are in the table below it.">
${parts.join('\n')}
</svg></div>`;
}

function yearTable(years) {
  const rows = [...years.keys()].sort((a, b) => b - a).map((year) => {
    const { debian, upstream, changes } = years.get(year);
    return `<tr><th scope="row">${year}</th><td>${number(debian)}</td><td>${number(upstream)}</td><td>${number(changes)}</td></tr>`;
  });
  return `<details><summary>The figures as a table</summary><div class="scroll" tabindex="0" role="group" aria-label="Releases by year, table"><table class="figures">
<thead><tr><th scope="col">Year</th><th scope="col">Debian revisions</th><th scope="col">Upstream releases</th><th scope="col">Single changes</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div></details>`;
}

const meter = (n, most, kind) => `<td class="amount"><span>${number(n)}</span><i class="meter ${kind}" style="width:${((62 * n) / most).toFixed(1)}%"></i></td>`;

function urgentTable(packages) {
  const rows = packages.filter((p) => p.urgent > 0).sort((a, b) => b.urgent - a.urgent);
  if (rows.length === 0) return '<p class="empty">No urgent release found.</p>';
  const most = rows[0].urgent;
  const body = rows.slice(0, TOP).map((p) => {
    const last = p.lastUrgent ? `${escape(p.lastUrgent.version)}${p.lastUrgent.year ? ` <small>${p.lastUrgent.year}</small>` : ''}` : '';
    return `<tr><th scope="row">${escape(p.name)}</th>${meter(p.urgent, most, 'urgent')}<td class="version">${last}</td></tr>`;
  });
  return `<div class="scroll" tabindex="0" role="group" aria-label="Urgent releases by package"><table><thead><tr><th scope="col">Package</th><th scope="col">Urgent releases</th><th scope="col">The latest</th></tr></thead>
<tbody>${body.join('\n')}</tbody></table></div>${more(rows.length)}`;
}

const more = (n) => (n > TOP ? `<p class="more">and ${plural(n - TOP, 'further package')}</p>` : '');

function cveList(cves) {
  const byYear = new Map();
  for (const cve of cves) byYear.set(cve.slice(4, 8), [...(byYear.get(cve.slice(4, 8)) ?? []), cve]);
  return [...byYear.keys()]
    .sort((a, b) => b - a)
    .map((year) => `<dt>${escape(year)} <small>${number(byYear.get(year).length)}</small></dt><dd>${byYear.get(year).sort().reverse().map(escape).join(' ')}</dd>`)
    .join('');
}

function cves(packages) {
  const rows = packages.filter((p) => p.cves.size > 0).sort((a, b) => b.cves.size - a.cves.size);
  if (rows.length === 0) return '<p class="empty">No CVE number found.</p>';
  const most = rows[0].cves.size;
  const body = rows.slice(0, TOP).map(
    (p) => `<li><details><summary><b>${escape(p.name)}</b><span class="amount"><span>${number(p.cves.size)}</span><i class="meter cve" style="width:${((62 * p.cves.size) / most).toFixed(1)}%"></i></span></summary>
<dl tabindex="0" aria-label="CVE numbers of ${escape(p.name)}">${cveList(p.cves)}</dl></details></li>`,
  );
  return `<ul class="cves">${body.join('\n')}</ul>${more(rows.length)}`;
}

const tile = (value, name, kind = '') => `<li class="${kind}"><b>${number(value)}</b><span>${name}</span></li>`;

export function renderReport(findings, now) {
  const s = summarise(findings);
  const remarks = [
    'Files that tell the same story count once: the binary packages of one source share their changelog.',
    'Debian trims the changelogs it ships to recent years, so the older ones look quieter than they were.',
    s.undated && `${plural(s.undated, 'release')} without a date ${s.undated === 1 ? 'is' : 'are'} in no bar.`,
    s.changes && `${plural(s.changes, 'single change')} in GNU and git logs ${s.changes === 1 ? 'is' : 'are'} no release and in the table only.`,
    s.unread && `${s.unread === 1 ? '1 entry' : `${number(s.unread)} entries`} could not be read.`,
  ].filter(Boolean);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Changelogs of this machine</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<p class="brand">Drover · example</p>
<h1>What this machine’s changelogs say</h1>
<p class="lead">${plural(s.files, 'file')} read, ${number(s.stories)} of them distinct. Written <time datetime="${now.toISOString()}">${now.toISOString().slice(0, 16).replace('T', ' ')} UTC</time>.</p>
</header>
<main>
<ul class="tiles">
${tile(s.packages.length, 'packages')}${tile(s.releases, 'releases')}${tile(s.urgent, 'urgent releases', 'urgent')}${tile(s.cves, 'CVE numbers', 'cve')}
</ul>
<section aria-labelledby="years"><h2 id="years">Releases by year</h2>
${chart(s.years)}
${yearTable(s.years)}
<p class="remarks">${remarks.join(' ')}</p>
</section>
<div class="columns">
<section aria-labelledby="urgent"><h2 id="urgent">Urgent releases</h2>
<p class="hint">Debian revisions of urgency high, critical or emergency.</p>
${urgentTable(s.packages)}
</section>
<section aria-labelledby="cve"><h2 id="cve">CVE numbers</h2>
<p class="hint">Named in a package’s changelogs. Open a package to read them.</p>
${cves(s.packages)}
</section>
</div>
</main>
</body>
</html>
`;
}

const STYLE = `
:root{--page:#f6f5f2;--card:#fff;--ink:#1d2129;--soft:#59606d;--line:#e3e1db;--debian:#3763c4;--upstream:#e0952f;--urgent:#c8413c;--cve:#7a4fb5;--focus:#1b56d8}
@media (prefers-color-scheme:dark){:root{--page:#14161b;--card:#1d2027;--ink:#eceef2;--soft:#a2a9b6;--line:#30343e;--debian:#7da2f5;--upstream:#eab364;--urgent:#f0837b;--cve:#b798ea;--focus:#9dbbff}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;font-variant-numeric:tabular-nums}
header,main{max-width:1120px;margin:0 auto;padding:0 24px}
header{padding-top:48px}main{padding-bottom:64px}
.brand{margin:0 0 4px;color:var(--soft);font-size:.8125rem;letter-spacing:.06em;text-transform:uppercase}
h1{margin:0;font-size:clamp(1.75rem,4vw,2.5rem);line-height:1.15;letter-spacing:-.02em}
h2{margin:0 0 4px;font-size:1.1875rem;letter-spacing:-.01em}
.lead{margin:12px 0 0;color:var(--soft)}.hint,.remarks,.more,.empty{color:var(--soft);font-size:.875rem}.hint{margin:0 0 12px}.remarks{margin:16px 0 0;max-width:88ch}.more{margin:12px 0 0}
ul{list-style:none;margin:0;padding:0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:16px;margin:32px 0 24px}
.tiles li,section{background:var(--card);border:1px solid var(--line);border-radius:14px}
.tiles li{padding:18px 20px}.tiles b{display:block;font-size:2rem;line-height:1.1;letter-spacing:-.02em}.tiles span{color:var(--soft);font-size:.875rem}
.tiles .urgent b{color:var(--urgent)}.tiles .cve b{color:var(--cve)}
section{padding:24px;margin-bottom:24px;min-width:0}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:24px;align-items:start}
.legend{display:flex;flex-wrap:wrap;gap:4px 20px;margin:4px 0 12px;color:var(--soft);font-size:.875rem}
.legend i{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:7px}.legend i.debian{background:var(--debian)}.legend i.upstream{background:var(--upstream)}
.scroll{overflow-x:auto}svg{display:block;width:100%;min-width:620px;height:auto}
.debian{fill:var(--debian)}.upstream{fill:var(--upstream)}.hit{fill:transparent}g:hover .hit{fill:var(--line);fill-opacity:.5}
.grid{stroke:var(--line)}.axis{stroke:var(--soft)}.tick{fill:var(--soft);font-size:12px}
time{white-space:nowrap}
table{width:100%;border-collapse:collapse;font-size:.9375rem}
th,td{padding:7px 8px;text-align:left;border-bottom:1px solid var(--line);font-weight:400}
thead th{color:var(--soft);font-size:.8125rem;white-space:nowrap}
tbody th{font-weight:600;overflow-wrap:anywhere}tbody tr:last-child>*{border-bottom:0}
th:first-child,td:first-child{padding-left:0}th:last-child,td:last-child{padding-right:0}
.figures{max-width:560px;margin-top:8px}.figures td,.figures thead th:not(:first-child){text-align:right}
.amount{width:31%;white-space:nowrap}.amount span{display:inline-block;min-width:3.2em;padding-right:8px;text-align:right}
.meter{display:inline-block;height:9px;min-width:3px;border-radius:3px;vertical-align:1px}.meter.urgent{background:var(--urgent)}.meter.cve{background:var(--cve)}
.version{color:var(--soft);font-size:.875rem;overflow-wrap:anywhere}small{color:var(--soft);font-size:.8125rem}
summary{cursor:pointer;border-radius:6px}:focus-visible{outline:2px solid var(--focus);outline-offset:2px}
section>details{margin-top:12px;color:var(--soft);font-size:.9375rem}section>details table{color:var(--ink)}
.cves li{border-bottom:1px solid var(--line)}.cves li:last-child{border-bottom:0}
.cves summary{display:flex;align-items:center;gap:12px;padding:7px 0;font-size:.9375rem;list-style:none}
.cves summary::-webkit-details-marker{display:none}
.cves summary::before{content:"";flex:none;border:4px solid transparent;border-left:6px solid var(--soft);border-right:0}
.cves details[open] summary::before{transform:rotate(90deg)}
.cves b{flex:1;font-weight:600;overflow-wrap:anywhere}.cves .amount{flex:none;width:46%}
dl{margin:4px 0 16px 18px;max-height:300px;overflow-y:auto;font-size:.8125rem;display:grid;grid-template-columns:auto 1fr;gap:6px 14px}
dt{font-weight:600}dd{margin:0;color:var(--soft)}
@media (prefers-reduced-motion:no-preference){.cves summary::before{transition:transform .12s}}
@media print{body{background:#fff}section,.tiles li{break-inside:avoid}}
`;
