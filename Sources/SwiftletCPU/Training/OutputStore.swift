// OutputStore.swift: the store of a layer's output.

/// The store of a layer's output: directly to its buffer, or by way of scratch memory where a norm needs its statistics.
struct OutputStore {
  /// `[N, pixels, C]`.
  let y: TrainingBuffer
  let channels: Int
  /// `[shards, 2, C]` doubles.
  let statistics: TrainingBuffer?

  var buffers: [TrainingBuffer?] { [y, statistics] }

  /// The address to which the layer writes the pixels from `pixel` on.
  func target(_ pixel: Int, _ scratch: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> {
    statistics == nil ? y.pointer + pixel * channels : scratch
  }

  /// Stores the layer's output.
  ///
  /// - Parameter shard: the statistics of the shard, to which the pixels are added.
  func store(
    _ context: WorkerContext, _ scratch: UnsafeMutablePointer<Float>, _ pixel: Int, count: Int,
    _ shard: inout ShardStatistics
  ) {
    guard statistics != nil else { return }
    shard.add(
      context, scratch, count: count, to: y.pointer + pixel * channels,
      streams: streams(y, channels, context))
  }
}
