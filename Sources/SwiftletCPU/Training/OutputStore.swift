// OutputStore.swift: how a layer's output is stored.

/// How a layer's output is stored: at once where it belongs, or by way of scratch memory where a norm needs its statistics.
struct OutputStore {
  /// `[N, pixels, C]`.
  let y: TrainingBuffer
  let channels: Int
  /// `[shards, 2, C]` doubles.
  let statistics: TrainingBuffer?

  var buffers: [TrainingBuffer?] { [y, statistics] }

  /// Where the layer is to write the pixels from `pixel` on.
  func target(_ pixel: Int, _ scratch: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> {
    statistics == nil ? y.pointer + pixel * channels : scratch
  }

  /// Stores what the layer wrote.
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
