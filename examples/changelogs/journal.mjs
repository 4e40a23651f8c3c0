// The findings on disk: one JSON line for each, appended, the newest line of a file wins.
//
// `add` resolves once its line is on disk. Lines that come in while a write is under way share the next one, so the
// cost of a sync does not limit the rate. A write that fails is cut off again and rejects all that shared it; the
// journal goes on with the next. One process owns the file.

import { open } from 'node:fs/promises';

export class Journal {
  #file;
  #length = 0; // bytes of whole lines that are on disk
  #waiting = [];
  #writing = null;

  constructor(file) {
    this.#file = file;
  }

  /** Opens or creates the journal and gives every finding in it to `each`. A last line cut off by a crash is removed. */
  static async open(path, each) {
    const file = await open(path, 'a+');
    const journal = new Journal(file);
    const content = await file.readFile();
    journal.#length = content.lastIndexOf(0x0a) + 1;
    if (journal.#length < content.length) await file.truncate(journal.#length);
    const lines = content.toString('utf8', 0, journal.#length).split('\n');
    lines.pop();
    lines.forEach((line, index) => {
      try {
        each(JSON.parse(line));
      } catch (error) {
        throw new Error(`${path}, line ${index + 1}: ${error.message}`);
      }
    });
    return journal;
  }

  add(finding) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line: `${JSON.stringify(finding)}\n`, resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  async close() {
    await this.#writing;
    await this.#file.close();
  }

  async #write() {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      const bytes = Buffer.from(batch.map(({ line }) => line).join(''));
      try {
        await this.#file.appendFile(bytes);
        await this.#file.datasync();
        this.#length += bytes.length;
        batch.forEach(({ resolve }) => resolve());
      } catch (error) {
        const cut = await this.#file.truncate(this.#length).catch((second) => second);
        const cause = cut ? new AggregateError([error, cut], `${error.message}; then ${cut.message}`) : error;
        batch.forEach(({ reject }) => reject(cause));
      }
    }
    this.#writing = null;
  }
}
