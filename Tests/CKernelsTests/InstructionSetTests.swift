// InstructionSetTests.swift: which kernels this processor can run; every other test runs over all of them.

import CKernels
import Testing

struct InstructionSetTests {
  @Test func thePortableKernelsAreAlwaysThere() {
    #expect(Kernels.available.map(\.testDescription).first == "portable")
  }

  @Test(.enabled(if: Kernels.all[1].isAvailable, "this processor has no AVX2"))
  func avx2KernelsAreTested() throws {
    #expect(try String(cString: Kernels.all[1].table().name) == "avx2")
  }

  @Test(.enabled(if: Kernels.all[2].isAvailable, "this processor has no AVX-512"))
  func avx512KernelsAreTested() throws {
    #expect(try String(cString: Kernels.all[2].table().name) == "avx512")
  }

  @Test(.enabled(if: Kernels.all[3].isAvailable, "this processor is not an Arm"))
  func neonKernelsAreTested() throws {
    #expect(try String(cString: Kernels.all[3].table().name) == "neon")
  }

  @Test func theBestIsTheLastThatIsAvailable() throws {
    #expect(UInt32(sk_best_isa().rawValue) == Kernels.available.last?.instructionSet)
  }

  @Test func unknownInstructionSetsHaveNoKernels() {
    #expect(sk_kernels_for(sk_isa(rawValue: 99)) == nil)
  }
}
