/**
 * A network inside one process, behind the same port as the real one: what is written arrives in the next turn. Counts
 * the bytes.
 */

/** @typedef {import('../dist/actors/ports.js').NetworkPort} NetworkPort */
/** @typedef {import('../dist/actors/ports.js').Connection} Connection */
/** @typedef {import('../dist/actors/ports.js').ConnectionEvents} ConnectionEvents */

export class PipeNetwork {
  bytes = 0;
  /** @type {{ readonly topic: string, readonly key: string, readonly on: import('../dist/actors/ports.js').TopicEvents }[]} */
  #members = [];

  /** @param {string} key of this node @returns {NetworkPort} */
  port(key) {
    return {
      open: (on) => {
        setImmediate(() => on.ready({ bootstrap: 'here', holdsLocal: false }));
        return {
          join: ({ topic }, events) => {
            for (const other of this.#members)
              if (other.topic === topic)
                setImmediate(() => {
                  const [near, far] = this.#pair(key, other.key);
                  events.connection(near);
                  other.on.connection(far);
                });
            this.#members.push({ topic, key, on: events });
            return { refresh() {}, dial() {}, close: () => events.closed() };
          },
          close: () => on.closed(),
        };
      },
    };
  }

  /** @param {string} near @param {string} far @returns {[Connection, Connection]} */
  #pair(near, far) {
    const ends = [this.#end(far, true), this.#end(near, false)];
    const [one, other] = ends;
    if (one === undefined || other === undefined) throw new Error('a pair has two ends');
    one.peer = other;
    other.peer = one;
    return [one, other];
  }

  /** @param {string} remoteKey @param {boolean} initiator */
  #end(remoteKey, initiator) {
    /** @type {ConnectionEvents | undefined} */
    let listener;
    /** @type {Uint8Array[]} */
    const early = [];
    const end = {
      remoteKey,
      initiator,
      remoteAddress: undefined,
      unsentBytes: 0,
      /** @type {{ receive(bytes: Uint8Array): void } | undefined} */
      peer: undefined,
      /** @param {Uint8Array} bytes */
      write: (bytes) => {
        this.bytes += bytes.length;
        setImmediate(() => end.peer?.receive(bytes));
      },
      /** @param {Uint8Array} bytes */
      receive(bytes) {
        if (listener === undefined) early.push(bytes);
        else listener.data(bytes);
      },
      destroy: () => listener?.closed(),
      end: () => listener?.closed(),
      /** @param {ConnectionEvents} on */
      listen(on) {
        listener = on;
        for (const bytes of early.splice(0)) on.data(bytes);
      },
    };
    return end;
  }
}
