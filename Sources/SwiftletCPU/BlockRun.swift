// BlockRun.swift: a fused block bound to a session's memory, and how it runs.

import CKernels

/// The rows of the expanded tensor that scratch holds, and at which of its rows they begin. What a strip has in common with the
/// next one stays where it is; only at the end of scratch it moves to the front.
private struct HeldRows {
  var rows = 0..<0
  var at = 0
}

/// A fused block with its pointers.
struct BlockRun {
  /// The layers' calls; their row counts, and what they read and write, are set strip by strip.
  var expand: sk_gemm?
  var depthwise: sk_depthwise
  var project: sk_gemm
  /// The block's input `[images, height, width, channels]`.
  let input: UnsafePointer<Float>
  let inputChannels: Int
  let images: Int
  /// Rows and columns of the depthwise convolution's input, and its channels.
  let height: Int, width: Int, channels: Int
  /// Output rows of a strip, and rows of the expanded tensor that scratch has room for.
  let rows: Int, expandedRows: Int
  /// Each part's scratch: the expanded strip, then the depthwise result.
  let scratch: UnsafeMutablePointer<Float>
  let expandedCount: Int, scratchCount: Int

  /// Does one part's share of the output rows.
  func run(_ kernels: borrowing sk_kernels, part: Int, parts: Int) {
    let outputHeight = depthwise.output_height
    let mine = Range.share(images * outputHeight, of: part, parts)
    let strip = scratch + part * scratchCount
    for image in 0..<images {
      var held = HeldRows()
      for outputRows in mine.inImage(image, each: outputHeight).pieces(of: rows) {
        run(image, outputRows, strip, &held, kernels)
      }
    }
  }

  private func run(
    _ image: Int, _ outputRows: Range<Int>, _ strip: UnsafeMutablePointer<Float>, _ held: inout HeldRows,
    _ kernels: borrowing sk_kernels
  ) {
    let top = outputRows.lowerBound * depthwise.stride - depthwise.pad_top
    let bottom = (outputRows.upperBound - 1) * depthwise.stride - depthwise.pad_top + depthwise.kernel
    let needed = max(top, 0)..<max(min(bottom, height), max(top, 0))
    let source = input + image * height * width * inputChannels

    var filter = depthwise
    if var expand {
      let row = width * channels
      let kept = needed.clamped(to: held.rows)
      var at = kept.isEmpty ? 0 : held.at + kept.lowerBound - held.rows.lowerBound
      if at + needed.count > expandedRows {
        strip.update(from: strip + at * row, count: kept.count * row)
        at = 0
      }
      let fresh = (kept.isEmpty ? needed.lowerBound : kept.upperBound)..<needed.upperBound
      if !fresh.isEmpty {
        expand.a = source + fresh.lowerBound * width * inputChannels
        expand.c = strip + (at + fresh.lowerBound - needed.lowerBound) * row
        expand.rows = fresh.count * width
        kernels.gemm(&expand, 0, expand.rows, 0, panels(expand, kernels))
      }
      held = HeldRows(rows: needed, at: at)
      filter.input = UnsafePointer(strip + at * row)
    } else {
      filter.input = source + needed.lowerBound * width * channels
    }
    let filtered = strip + expandedCount
    filter.height = needed.count
    filter.pad_top = needed.lowerBound - top
    filter.output = filtered
    filter.output_height = outputRows.count
    kernels.depthwise(
      &filter, 0, outputRows.count, 0, (channels + kernels.depthwise_block - 1) / kernels.depthwise_block)

    var project = project
    let pixel = (image * depthwise.output_height + outputRows.lowerBound) * depthwise.output_width
    project.a = UnsafePointer(filtered)
    project.c += pixel * project.c_stride
    if project.epilogue.residual != nil {
      project.epilogue.residual += pixel * project.epilogue.residual_stride
    }
    project.rows = outputRows.count * depthwise.output_width
    kernels.gemm(&project, 0, project.rows, 0, panels(project, kernels))
  }

  private func panels(_ call: sk_gemm, _ kernels: borrowing sk_kernels) -> Int {
    (call.columns + kernels.gemm_panel - 1) / kernels.gemm_panel
  }
}
