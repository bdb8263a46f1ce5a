/** Whether this is `npm run test:soak`: all places, seeds and hours; otherwise as much of them as each change can wait for. */
export const isSoak = process.env.QMESH_SOAK === '1';
