// Platform.swift: the C library's mathematics, wherever it comes from.

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

func exp(_ x: Double) -> Double { Platform.exp(x) }
func log(_ x: Double) -> Double { Platform.log(x) }
func pow(_ x: Double, _ y: Double) -> Double { Platform.pow(x, y) }

/// Functions whose names are also those of cases or methods.
enum Platform {
  static func exp(_ x: Double) -> Double {
    #if canImport(Darwin)
      Darwin.exp(x)
    #elseif canImport(Glibc)
      Glibc.exp(x)
    #else
      Musl.exp(x)
    #endif
  }

  static func log(_ x: Double) -> Double {
    #if canImport(Darwin)
      Darwin.log(x)
    #elseif canImport(Glibc)
      Glibc.log(x)
    #else
      Musl.log(x)
    #endif
  }

  static func pow(_ x: Double, _ y: Double) -> Double {
    #if canImport(Darwin)
      Darwin.pow(x, y)
    #elseif canImport(Glibc)
      Glibc.pow(x, y)
    #else
      Musl.pow(x, y)
    #endif
  }

  static func tanh(_ x: Double) -> Double {
    #if canImport(Darwin)
      Darwin.tanh(x)
    #elseif canImport(Glibc)
      Glibc.tanh(x)
    #else
      Musl.tanh(x)
    #endif
  }
}
