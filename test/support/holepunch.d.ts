/** The parts of Hyperswarm's packages that tests use to join two nodes without a DHT. They ship no types. */
declare module '@hyperswarm/secret-stream' {
  const NoiseSecretStream: new (isInitiator: boolean, rawStream?: object) => object;
  export default NoiseSecretStream;
}

declare module 'udx-native' {
  const UDX: new () => object;
  export default UDX;
}
