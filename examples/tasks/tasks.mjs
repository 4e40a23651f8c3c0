// What is known of each task, one file for each, so that a restart forgets nothing. One process owns the folder.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export class Tasks {
  #folder;

  constructor(folder) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  /** The task, or null. */
  get(id) {
    try {
      return JSON.parse(readFileSync(this.#file(id), 'utf8'));
    } catch (error) {
      if (['ENOENT', 'ENAMETOOLONG'].includes(error.code)) return null;
      throw error;
    }
  }

  /** Only where nothing is known of it: the worker may be quicker than the answer to the submit. */
  begin(id, message) {
    if (!this.get(id)) this.update(id, { status: 'pending', percent: 0, message, submittedAt: new Date().toISOString() });
  }

  update(id, changes) {
    const task = { taskId: id, intermediate: [], ...this.get(id), ...changes, updatedAt: new Date().toISOString() };
    writeFileSync(`${this.#file(id)}.new`, JSON.stringify(task, null, 1));
    renameSync(`${this.#file(id)}.new`, this.#file(id)); // whoever reads it sees a whole one
    return task;
  }

  #file(id) {
    return join(this.#folder, `${encodeURIComponent(id)}.json`);
  }
}
