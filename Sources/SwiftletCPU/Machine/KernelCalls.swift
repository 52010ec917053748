// KernelCalls.swift: calls of kernels that keep their blocks in the caches of a core.

import CKernels

extension sk_gemm {
  /// An empty call. Blocks of rows follow L2.
  init(_ caches: CacheSizes) {
    self.init()
    block_bytes = caches.productBlockBytes
  }
}

extension sk_conv {
  /// An empty call. Blocks of pixels follow L2.
  init(_ caches: CacheSizes) {
    self.init()
    block_bytes = caches.productBlockBytes
  }
}

extension sk_depthwise {
  /// An empty call. The channels of a pass follow L1.
  init(_ caches: CacheSizes) {
    self.init()
    rows_bytes = caches.depthwiseRowsBytes
  }
}
