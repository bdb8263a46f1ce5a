/**
 * The numbers of the wire. docs/protocol.md says what each one promises to the other side. Names carry units, and
 * relations between numbers are asserted below when the module loads.
 */
const numbers = {
  // Frames
  /** Bytes of a frame's body. Larger frames are refused before they are buffered. */
  maxFrameBytes: 1_048_576,
  /** Nested objects and arrays, the message itself being the first. */
  maxNestingDepth: 32,
  /** How long a peer may leave a frame incomplete. Longer is a slow-loris attack. */
  incompleteFrameMs: 10_000,
  /** Beyond this a peer that does not read is closed, since the transport has no end-to-end backpressure. */
  maxUnsentBytes: 8 * 1_048_576,
  /**
   * A worker reads this many frames of a connection at once, then this many a second; more must wait. Its owner's never
   * wait.
   */
  maxFramesAtOnce: 512,
  maxFramesPerSecond: 64,
  /** A frame counts once more for each of these bytes. */
  frameStepBytes: 16_384,
  /** This many frames that need no answer, such as unknown types, count as one. */
  maxIgnoredPerFrame: 16,

  // Pace of a worker's messages
  /** Between two `status` frames that say something new: at most 4 a second. */
  statusMinGapMs: 250,
  /** A `status` at least this often, changed or not. */
  statusHeartbeatMs: 5_000,
  /** A client sends no requests to a worker whose last `status` is older than this. */
  statusStaleMs: 15_000,
  /** Between two `queue_status` frames of one request: at most 4 a second. */
  queueStatusMinGapMs: 250,
  /**
   * The longest silence on a connection with unfinished requests. The transport takes 13 to 17 s to notice a dead peer.
   */
  keepaliveMs: 250,
  /** Tokens gather for at most this long before they are sent in one frame. The first is sent at once. */
  tokenBatchMs: 20,
  /** A cancelled request that is decoding ends within this of its next token. */
  cancelDecodingMs: 250,

  // Requests
  maxIdChars: 64,
  /** Unfinished requests of one client at one worker. */
  maxUnfinishedPerClient: 8,
  /** How long a finished request's result is kept for a client that reconnects and asks again. */
  storedResultMs: 60_000,
  /** The longest delay that the platform's timers support: 2^31 - 1 ms, about 24 days. */
  maxDeadlineMs: 2_147_483_647,
  maxTokens: 2_147_483_647,

  // Orders and scores
  /** The most an order can offer, since no request can score more: speed 5, complexity 3, quality 2. */
  maxPriceMillipoints: 10_000,
  /** From an order's `at` to its `expiresAt`. */
  maxOrderLifeMs: 600_000,
  /** Receipts, certificates, attestations and evidence in one message. */
  maxScoreItems: 256,
  /** In one certificate: the most validators a mesh can name. */
  maxAttestations: 128,
  /** Ranges and keys in one `score_request`. */
  maxRanges: 1_024,
  /** In a range that is sent as hashes instead of a digest. */
  maxRangeHashes: 16,
  /** Hashes under one prefix that are accepted from a peer. */
  maxHashesPerKeys: 1_024,

  // Proof of work
  workChallengeHexChars: 32,
  workNonceMaxHexChars: 32,
  workChallengeMs: 60_000,

  // Counts and lengths inside a frame. The frame limits the bytes; these limit the work a hostile frame can cause.
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

/** What a client may use as the `id` of a request. */
export const idPattern = new RegExp(`^[A-Za-z0-9_-]{1,${limits.maxIdChars}}$`);

/** Relations between the numbers, as sentences. The module only loads if all hold. */
export const limitRelations: readonly (readonly [sentence: string, holds: boolean])[] = [
  ['several of the largest frames fit into the unsent limit', limits.maxUnsentBytes >= 4 * limits.maxFrameBytes],
  [
    'a client can send its maximum of unfinished requests at their maximum length at once',
    limits.maxUnfinishedPerClient * (limits.maxFrameBytes / limits.frameStepBytes) <= limits.maxFramesAtOnce,
  ],
  [
    'a client can also cancel all of its unfinished requests',
    limits.maxFramesAtOnce >= 4 * limits.maxUnfinishedPerClient,
  ],
  ['two heartbeats may be lost before a status is stale', limits.statusStaleMs >= 3 * limits.statusHeartbeatMs],
  ['a heartbeat is slower than the fastest status', limits.statusHeartbeatMs > limits.statusMinGapMs],
  ['tokens are sent well before a keepalive is due', limits.tokenBatchMs * 4 <= limits.keepaliveMs],
  ['a queue_status can always serve as keepalive', limits.queueStatusMinGapMs <= limits.keepaliveMs],
  ['a range sent as hashes is accepted by the other side', limits.maxRangeHashes <= limits.maxHashesPerKeys],
  ['a score_request full of ranges fits into a frame', limits.maxRanges * 160 <= limits.maxFrameBytes],
  ['an incomplete frame is closed before its sender counts as stale', limits.incompleteFrameMs < limits.statusStaleMs],
];

for (const [sentence, holds] of limitRelations) {
  if (!holds) throw new Error(`src/protocol/limits.ts contradicts itself: "${sentence}" does not hold.`);
}
