/**
 * The numbers of the wire: docs/protocol.md says what each one promises to the other side. Units are in the names; where a
 * number leans on another, the relation is asserted below, when the module loads.
 */
const numbers = {
  // Frames
  /** Bytes of a frame's body. Larger ones are refused before they are buffered. */
  maxFrameBytes: 1_048_576,
  /** Objects and arrays inside one another, the message itself being the first. */
  maxNestingDepth: 32,
  /** For how long a peer may hold one frame incomplete: longer is a slow-loris attack. */
  incompleteFrameMs: 10_000,
  /** A peer that does not read is closed beyond this: the transport has no end-to-end backpressure. */
  maxUnsentBytes: 8 * 1_048_576,
  /** A worker reads so many frames of one connection at once, then so many a second; more have to wait. Its owner's never wait. */
  maxFramesAtOnce: 512,
  maxFramesPerSecond: 64,
  /** A frame counts as one more for each of these bytes that it is long. */
  frameStepBytes: 16_384,
  /** Of frames that are owed no answer, an unknown type's for one, so many count as one frame. */
  maxIgnoredPerFrame: 16,

  // Pace of a worker's messages
  /** Between two `status` frames that say something new: at most 4 a second. */
  statusMinGapMs: 250,
  /** A `status` at least this often, changed or not. */
  statusHeartbeatMs: 5_000,
  /** A client offers no request to a worker that it has not heard a `status` from for this long. */
  statusStaleMs: 15_000,
  /** Between two `queue_status` frames of one request: at most 4 a second. */
  queueStatusMinGapMs: 250,
  /** The longest silence on a connection with unfinished requests. A dead peer's transport stays silent for 13 to 17 s. */
  keepaliveMs: 250,
  /** Tokens gather for at most this long before they leave in one frame. The first leaves at once. */
  tokenBatchMs: 20,
  /** A decoding request that is cancelled ends within this of its next token. */
  cancelDecodingMs: 250,

  // Requests
  maxIdChars: 64,
  /** Unfinished requests of one client at one worker. */
  maxUnfinishedPerClient: 8,
  /** A finished request's result is kept this long for a client that reconnects and asks again. */
  storedResultMs: 60_000,
  /** The largest delay that a timer of the platform can hold: 2^31 - 1 ms, some 24 days. */
  maxDeadlineMs: 2_147_483_647,
  maxTokens: 2_147_483_647,

  // Orders and scores
  /** The most that an order can offer, as no request can score more: speed 5, complexity 3, quality 2. */
  maxPriceMillipoints: 10_000,
  /** From an order's `at` to its `expiresAt`. */
  maxOrderLifeMs: 600_000,
  /** Receipts, certificates, attestations and evidence in one message. */
  maxScoreItems: 256,
  /** Of one certificate: so many validators a mesh can name. */
  maxAttestations: 128,
  /** Ranges and keys in one `score_request`. */
  maxRanges: 1_024,
  /** Of a range that is told hash by hash instead of by its digest. */
  maxRangeHashes: 16,
  /** Hashes under one prefix that are taken from a peer. */
  maxHashesPerKeys: 1_024,

  // Proof of work
  workChallengeHexChars: 32,
  workNonceMaxHexChars: 32,
  workChallengeMs: 60_000,

  // Counts and lengths inside a frame. The frame bounds the bytes; these bound the work that a hostile frame causes.
  maxNameChars: 256,
  maxRoleChars: 64,
  maxErrorMessageChars: 1_024,
  maxMessages: 4_096,
  maxStopStrings: 16,
  maxStopChars: 256,
  maxTools: 128,
  maxToolCalls: 128,
  maxModels: 256,
  maxCapabilities: 32,
};

export const limits: Readonly<typeof numbers> = Object.freeze(numbers);

/** What a client may choose as the `id` of a request. */
export const idPattern = new RegExp(`^[A-Za-z0-9_-]{1,${limits.maxIdChars}}$`);

/** Relations that the numbers must keep, as sentences: each is true, or the module does not load. */
export const limitRelations: readonly (readonly [sentence: string, holds: boolean])[] = [
  ['several largest frames fit into what may be unsent', limits.maxUnsentBytes >= 4 * limits.maxFrameBytes],
  [
    'who may have so many requests unfinished can send the longest of each at once',
    limits.maxUnfinishedPerClient * (limits.maxFrameBytes / limits.frameStepBytes) <= limits.maxFramesAtOnce,
  ],
  ['who may ask for much can also cancel all of it', limits.maxFramesAtOnce >= 4 * limits.maxUnfinishedPerClient],
  ['two heartbeats may be lost before a status is stale', limits.statusStaleMs >= 3 * limits.statusHeartbeatMs],
  ['a heartbeat is slower than the fastest status', limits.statusHeartbeatMs > limits.statusMinGapMs],
  ['tokens leave well before a silence counts', limits.tokenBatchMs * 4 <= limits.keepaliveMs],
  ['a queue_status can always serve as keepalive', limits.queueStatusMinGapMs <= limits.keepaliveMs],
  ['a range told hash by hash is taken by the other side', limits.maxRangeHashes <= limits.maxHashesPerKeys],
  ['a score_request full of ranges fits a frame', limits.maxRanges * 160 <= limits.maxFrameBytes],
  ['an incomplete frame is closed before its sender counts as stale', limits.incompleteFrameMs < limits.statusStaleMs],
];

for (const [sentence, holds] of limitRelations) {
  if (!holds) throw new Error(`src/protocol/limits.ts contradicts itself: "${sentence}" does not hold.`);
}
