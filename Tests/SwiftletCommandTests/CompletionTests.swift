// CompletionTests.swift: the scripts that complete commands, run by their shells where these are installed.

import Foundation
import TestSupport
import Testing

@Suite struct CompletionTests {
  /// Completes a line with bash, as a user's shell would.
  private func completions(_ words: [String]) throws -> [String] {
    let script = try Tool.run(["completion", "bash"])
    #expect(script.status == 0)
    let process = Process()
    process.executableURL = URL(filePath: "/bin/bash")
    let line = words.map { "'\($0)'" }.joined(separator: " ")
    process.arguments = [
      "-c",
      script.output
        + "\nCOMP_WORDS=(\(line)); COMP_CWORD=\(words.count - 1); _swiftlet; printf '%s\\n' \"${COMPREPLY[@]}\"",
    ]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/bin/bash"), "bash is not installed"))
  func bashCompletes() throws {
    #expect(try completions(["swiftlet", "sum"]) == ["summary"])
    #expect(try completions(["swiftlet", "train", "--find"]) == ["--find-rate"])
    #expect(
      try completions(["swiftlet", "summary", "mobilenet_v3_sm"]).sorted() == [
        "mobilenet_v3_small", "mobilenet_v3_small_minimalistic",
      ])
    #expect(try completions(["swiftlet", "train", "--recipe", "fine"]) == ["fine-tune"])
    #expect(try completions(["swiftlet", "inspect", "--st"]).sorted() == ["--stage", "--state-dict"])
  }

  @Test func everyCommandIsInEveryScript() throws {
    for shell in ["bash", "zsh", "fish"] {
      let script = try Tool.run(["completion", shell]).output
      for command in ["classify", "train", "completion", "inspect"] {
        #expect(script.contains(command), "\(shell)")
      }
      #expect(script.contains("resume") && script.contains("mobilenet_v2"))
    }
    #expect(try Tool.run(["completion", "tcsh"]).errors.contains("takes bash, zsh, fish"))
    #expect(try Tool.run(["version"]).output == Tool.run(["--version"]).output)
  }
}
