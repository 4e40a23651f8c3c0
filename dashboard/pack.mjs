// pack.mjs FOLDER FILE.cpp   writes the built page as C++: each file as it is, and compressed. See gateway/page_files.h.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesBelow(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}

function array(name, bytes) {
  return `const unsigned char ${name}[] = {${[...bytes].join(',')}};\n`;
}

const [folder, target] = process.argv.slice(2);
let data = '';
let table = '';
let compressed = 0;
filesBelow(folder)
  .sort()
  .forEach((file, i) => {
    const path = `/${relative(folder, file)}`.replace(/^\/index\.html$/, '/');
    const type = TYPES[extname(file)];
    if (!type) throw new Error(`pack.mjs: no content type is known for ${file}`);
    const plain = readFileSync(file);
    const gzip = gzipSync(plain, { level: 9 });
    compressed += gzip.length;
    const etag = createHash('sha256').update(plain).digest('hex').slice(0, 24);
    data += array(`plain_${i}`, plain) + array(`gzip_${i}`, gzip);
    table += `    {"${path}", "${type}", "${etag}", text(plain_${i}), text(gzip_${i})},\n`;
  });

// The page is read over slow lines at night: a limit, so that nobody passes it unseen.
const MOST = 150 * 1024;
if (compressed > MOST) throw new Error(`pack.mjs: the page has ${compressed} bytes compressed, more than ${MOST}`);

writeFileSync(
  target,
  `#include "gateway/page_files.h"

namespace drover::gateway {
namespace {

${data}
template <std::size_t size>
std::string_view text(const unsigned char (&bytes)[size]) {
    return {reinterpret_cast<const char*>(bytes), size};
}

const PageFile files[] = {
${table}};

}  // namespace

std::span<const PageFile> page_files() { return files; }

}  // namespace drover::gateway
`,
);
