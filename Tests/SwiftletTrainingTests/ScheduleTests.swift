// ScheduleTests.swift: schedules against their closed forms.

import Foundation
import SwiftletTraining
import Testing

@Suite struct ScheduleTests {
  private func rates(_ schedule: Schedule, perEpoch: Int = 10, total: Int = 100) -> [Double] {
    (0..<total).map { schedule.rate(update: $0, perEpoch: perEpoch, total: total) }
  }

  @Test func constantIsOne() { #expect(rates(.constant) == [Double](repeating: 1, count: 100)) }

  @Test func cosineGoesFromOneToItsFloor() {
    for floor in [0, 0.1] {
      for (t, rate) in rates(Schedule(.cosine(floor: floor))).enumerated() {
        let expected = floor + (1 - floor) / 2 * (1 + cos(.pi * Double(t) / 100))
        #expect(abs(rate - expected) < 1e-15)
      }
    }
  }

  @Test func stepsMultiplyAtTheirEpochs() {
    let rates = rates(Schedule(.step(milestones: [3, 7.5], factor: 0.1)))
    #expect(rates[29] == 1 && rates[30] == 0.1 && rates[74] == 0.1 && abs(rates[75] - 0.01) < 1e-17)
  }

  @Test func exponentialsAreStairs() {
    for (t, rate) in rates(Schedule(.exponential(factor: 0.98))).enumerated() {
      #expect(abs(rate - pow(0.98, Double(t / 10))) < 1e-15)
    }
    let rates = rates(Schedule(.exponential(factor: 0.99, epochs: 3)))
    #expect(rates[29] == 1 && rates[30] == 0.99 && rates[59] == 0.99)
  }

  @Test func oneCycleRisesAndFalls() {
    let rates = rates(Schedule(.oneCycle(peak: 0.25, start: 0.04, end: 0.001)), total: 101)
    #expect(abs(rates[0] - 0.04) < 1e-15 && abs(rates[25] - 1) < 1e-15 && abs(rates[100] - 0.001) < 1e-15)
    #expect(zip(rates[0...25], rates[1...25]).allSatisfy { $0 < $1 })
    #expect(zip(rates[25...], rates[26...]).allSatisfy { $0 > $1 })
    // Half-way down the cosine is half-way between its ends.
    let middle = Schedule(.oneCycle(peak: 0, start: 1, end: 0)).rate(update: 50, perEpoch: 10, total: 101)
    #expect(abs(middle - 0.5) < 1e-15)
  }

  @Test func warmUpIsALineInFrontOfAny() {
    for curve in [Schedule.Curve.constant, .cosine(), .step(milestones: [5], factor: 0.1)] {
      let rates = rates(Schedule(curve, warmUp: 2))
      for t in 0..<20 { #expect(abs(rates[t] - Double(t + 1) / 20) < 1e-15) }
      #expect(rates[20] == 1)
    }
    let last = rates(Schedule(.cosine(), warmUp: 2))[99]
    #expect(abs(last - (1 + cos(.pi * 79 / 80)) / 2) < 1e-15)
  }

  @Test func storedAndReadBack() throws {
    let schedule = Schedule(.oneCycle(peak: 0.2), warmUp: 1)
    #expect(
      try JSONDecoder().decode(Schedule.self, from: JSONEncoder().encode(schedule)) == schedule)
  }

  @Test func degenerateRunsGiveNumbers() {
    for curve in [
      Schedule.Curve.constant, .cosine(), .oneCycle(), .oneCycle(peak: 1), .exponential(factor: 0.5),
    ] {
      for total in [0, 1, 2] {
        let rate = Schedule(curve, warmUp: 1).rate(update: 5, perEpoch: 0, total: total)
        #expect(rate.isFinite && rate >= 0 && rate <= 1)
      }
    }
  }
}
