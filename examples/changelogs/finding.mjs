// What a finding has to look like. Whoever can reach the queue can submit one, so nothing of it is taken on trust.

const FORMATS = ['debian', 'release-notes', 'gnu', 'git-log'];

function check(holds, what) {
  if (!holds) throw new Error(`not a finding: ${what}`);
}

function text(value, name, most) {
  check(typeof value === 'string' && value.length > 0 && value.length <= most, `${name} has to be a short text`);
  return value;
}

function count(value, name) {
  check(Number.isSafeInteger(value) && value >= 0, `${name} has to be a count`);
  return value;
}

function years(value, name) {
  check(value !== null && typeof value === 'object' && !Array.isArray(value), `${name} has to be counts by year`);
  return Object.fromEntries(
    Object.entries(value).map(([year, n]) => {
      check(/^(19[89]|20[0-3])\d$/.test(year), `${name} has to be counts by year`);
      return [year, count(n, name)];
    }),
  );
}

function urgentRelease(value) {
  if (value === undefined || value === null) return null;
  check(typeof value === 'object', 'lastUrgent has to be a release');
  return { version: text(value.version, 'lastUrgent.version', 200), year: value.year ? count(value.year, 'lastUrgent.year') : null };
}

/** The finding in `value`, with the fields the report uses and no others. Throws an Error that names the wrong field. */
export function readFinding(value) {
  check(value !== null && typeof value === 'object' && !Array.isArray(value), 'an object is needed');
  check(FORMATS.includes(value.format), `format has to be one of ${FORMATS.join(', ')}`);
  check(Array.isArray(value.cves), 'cves has to be a list');
  check(value.cves.every((cve) => /^CVE-\d{4}-\d{4,7}$/.test(cve)), 'cves has to be a list of CVE numbers');
  return {
    file: text(value.file, 'file', 4096),
    package: text(value.package, 'package', 300),
    identity: text(value.identity, 'identity', 400),
    format: value.format,
    releases: years(value.releases, 'releases'),
    changes: years(value.changes ?? {}, 'changes'),
    undated: count(value.undated, 'undated'),
    unread: count(value.unread, 'unread'),
    urgent: count(value.urgent, 'urgent'),
    lastUrgent: urgentRelease(value.lastUrgent),
    cves: value.cves,
  };
}
