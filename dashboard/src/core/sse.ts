// Server-sent events out of pieces of text, as the HTML standard cuts them.

export interface ServerEvent {
  event: string;
  data: string;
}

/** Takes pieces as they come; answers the events that are whole by then. */
export class EventParser {
  private rest = '';
  private event = '';
  private data: string[] = [];

  push(piece: string): ServerEvent[] {
    const found: ServerEvent[] = [];
    const text = this.rest + piece;
    let begin = 0;
    for (;;) {
      const end = lineEnd(text, begin);
      if (!end) break;
      this.line(text.slice(begin, end.at), found);
      begin = end.next;
    }
    this.rest = text.slice(begin);
    return found;
  }

  private line(line: string, found: ServerEvent[]): void {
    if (line === '') {
      if (this.data.length > 0) found.push({ event: this.event || 'message', data: this.data.join('\n') });
      this.event = '';
      this.data = [];
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return; // a comment: somebody is still there
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (name === 'event') this.event = value;
    if (name === 'data') this.data.push(value);
  }
}

// A line ends at \n, \r or \r\n; a \r at the end of what is there may be half of one.
function lineEnd(text: string, from: number): { at: number; next: number } | undefined {
  for (let at = from; at < text.length; ++at) {
    const c = text.charCodeAt(at);
    if (c === 10) return { at, next: at + 1 };
    if (c === 13) {
      if (at + 1 === text.length) return undefined;
      return { at, next: text.charCodeAt(at + 1) === 10 ? at + 2 : at + 1 };
    }
  }
  return undefined;
}
