// DemoTests.swift: `make demo` where nothing can be fetched.

import Foundation
import TestSupport
import Testing

@Suite struct DemoTests {
  private static var isBuilt: Bool {
    FileManager.default.isExecutableFile(atPath: Files.root.appending(path: ".build/release/swiftlet").path)
  }

  @Test(.enabled(if: isBuilt, "needs the release build"))
  func offlineTheEmbeddedModelIsShown() throws {
    try Files.withScratch { folder in
      let process = Process()
      process.executableURL = Files.root.appending(path: "Scripts/demo")
      // Port 9 of this machine: nobody listens there.
      process.environment = ProcessInfo.processInfo.environment.merging([
        "SWIFTLET_CACHE": folder.appending(path: "cache").path, "SWIFTLET_MIRROR": "http://127.0.0.1:9",
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_NO_INDEX": "1",
      ]) { $1 }
      let run = try ToolRun(running: process)
      let (text, said) = (run.output, run.errors)
      #expect(run.status == 0, "\(said)")
      #expect(said.contains("embedded model"), "\(said)")
      for photo in ["airliner.jpg", "apples.jpg"] { #expect(text.contains(photo), "\(text)") }
      #expect(text.split(separator: "\n").count { $0.contains(" %  ") } == 6, "\(text)")
    }
  }
}
