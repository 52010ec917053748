import Foundation
import SwiftletCore
import Testing

/// What the members of a run write into.
private final class Board: @unchecked Sendable {
  let pool: ThreadPool
  let cells: UnsafeMutablePointer<Int>
  var failures = 0

  init(_ pool: ThreadPool, size: Int) {
    self.pool = pool
    cells = .allocate(capacity: size)
    cells.initialize(repeating: 0, count: size)
  }

  deinit { cells.deallocate() }
}

@Suite struct ThreadPoolTests {
  /// Each phase, every part writes its cell, and after the barrier the first part checks all of them.
  private static let phases: ThreadPool.Work = { context, part, parts in
    let board = Unmanaged<Board>.fromOpaque(context).takeUnretainedValue()
    for phase in 1...200 {
      board.cells[part * 8] = phase
      board.pool.barrier(parts: parts)
      if part == 0 {
        for other in 0..<parts where board.cells[other * 8] != phase { board.failures += 1 }
      }
      board.pool.barrier(parts: parts)
    }
  }

  @Test(arguments: [1, 2, 3, 8])
  func membersMeetAtEveryBarrier(count: Int) {
    let pool = ThreadPool(count: count)
    let board = Board(pool, size: 8 * count)
    for _ in 0..<20 { pool.run(Self.phases, Unmanaged.passUnretained(board).toOpaque()) }
    #expect(board.failures == 0)
    #expect((0..<count).allSatisfy { board.cells[$0 * 8] == 200 })
  }

  @Test func aPoolThatSleptWakesUp() {
    let pool = ThreadPool(count: 2)
    let board = Board(pool, size: 16)
    for _ in 0..<5 {
      usleep(20_000)
      pool.run(Self.phases, Unmanaged.passUnretained(board).toOpaque())
    }
    #expect(board.failures == 0)
  }

  /// Pools of different sizes that share their threads; each run has as many workers as its pool, one after the other.
  @Test func poolsOfDifferentSizesTakeTurns() {
    let boards = [3, 1, 8, 2, 5].map { Board(ThreadPool(count: $0, isShared: true), size: 64) }
    for _ in 0..<20 {
      for board in boards { board.pool.run(Self.phases, Unmanaged.passUnretained(board).toOpaque()) }
    }
    for board in boards {
      #expect(board.failures == 0)
      #expect((0..<board.pool.count).allSatisfy { board.cells[$0 * 8] == 200 })
    }
  }

  /// Several threads run on one pool: each run is whole, by the team or by its caller alone.
  @Test func runsFromManyThreadsAreEachWhole() async {
    let pool = ThreadPool(count: 2)
    let totals = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<4 {
        group.addTask {
          let board = Board(pool, size: 16)
          var total = 0
          for _ in 0..<50 {
            board.cells[0] = 0
            board.cells[8] = 0
            pool.run(
              { context, part, parts in
                let board = Unmanaged<Board>.fromOpaque(context).takeUnretainedValue()
                board.cells[part * 8] = 2 / parts
              }, Unmanaged.passUnretained(board).toOpaque())
            total += board.cells[0] + board.cells[8]
          }
          return total
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(totals == [100, 100, 100, 100])
  }
}
