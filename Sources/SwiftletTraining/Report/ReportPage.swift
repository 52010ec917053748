// ReportPage.swift: the frame of a report's page: heading, notes, links to the sections, sections.

/// A page of HTML5 that is well-formed XML too, and needs no network and no library.
struct ReportPage {
  /// The line above the title.
  let kicker: String
  /// The title. Text.
  let title: String
  /// The first sentences. HTML.
  let lead: String
  /// Sentences below them. Text.
  let notes: [String]
  /// Headline figures. HTML.
  var figures = ""
  /// The sections: an address on the page, a heading, and HTML. Empty ones are left out.
  let sections: [(id: String, name: String, body: String)]

  /// The page.
  var html: String {
    let sections = sections.filter { !$0.body.isEmpty }
    let messages = notes.map { "<li>\(HTML.text($0))</li>" }
    let links = sections.map { "<a href=\"#\($0.id)\">\($0.name)</a>" }.joined(separator: "\n")
    let bodies = sections.map { section in
      "<section id=\"\(section.id)\" aria-labelledby=\"\(section.id)-title\">\n"
        + "<h2 id=\"\(section.id)-title\">\(section.name)</h2>\n\(section.body)\n</section>"
    }
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8"/>
      <meta name="viewport" content="width=device-width, initial-scale=1"/>
      <meta name="color-scheme" content="light dark"/>
      <title>\(HTML.text(title))</title>
      <style>\(ReportStyle.css)</style>
      </head>
      <body>
      <header>
      <p class="kicker">\(HTML.text(kicker))</p>
      <h1>\(HTML.text(title))</h1>
      <p class="lead">\(lead)</p>
      \(messages.isEmpty ? "" : "<ul class=\"notes\">\n\(messages.joined(separator: "\n"))\n</ul>")
      \(figures)
      \(links.isEmpty ? "" : "<nav aria-label=\"Sections\">\n\(links)\n</nav>")
      </header>
      <main>
      \(bodies.joined(separator: "\n"))
      </main>
      <footer><p>Written by Swiftlet.</p></footer>
      <script>\(ReportStyle.script)</script>
      </body>
      </html>

      """
  }
}
