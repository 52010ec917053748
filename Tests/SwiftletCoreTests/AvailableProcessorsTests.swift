// AvailableProcessorsTests.swift: quotas and masks as the system writes them.

import Foundation
import SwiftletCore
import Testing

@Suite struct AvailableProcessorsTests {
  @Test func thereIsOneAtLeastAndNoMoreThanTheMachineHas() {
    #expect((1...ProcessInfo.processInfo.processorCount).contains(AvailableProcessors.count))
  }

  @Test func masksAreCounted() {
    func allowed(_ mask: String) -> Int? {
      AvailableProcessors.allowed(status: "Name:\tx\nCpus_allowed:\t\(mask)\nCpus_allowed_list:\t0\n")
    }
    #expect(allowed("3") == 2 && allowed("ffffffff,00000001") == 33 && allowed("8") == 1)
    #expect(allowed("0") == nil && AvailableProcessors.allowed(status: "") == nil)
  }

  @Test func quotasAreRead() {
    #expect(AvailableProcessors.quota(versionTwo: "150000 100000\n") == 1.5)
    #expect(AvailableProcessors.quota(versionTwo: "max 100000\n") == nil)
    #expect(
      AvailableProcessors.quota(versionTwo: nil) == nil && AvailableProcessors.quota(versionTwo: "x") == nil)
    #expect(
      AvailableProcessors.quota("200000\n", "100000\n") == 2
        && AvailableProcessors.quota("-1\n", "100000") == nil)
    #expect(AvailableProcessors.quota("5", "0") == nil)
  }
}
