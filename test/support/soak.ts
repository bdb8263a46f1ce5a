/** Whether this is `npm run test:soak`: every place, seed and hour; otherwise as much as each change can wait for. */
export const isSoak = process.env.QMESH_SOAK === '1';
