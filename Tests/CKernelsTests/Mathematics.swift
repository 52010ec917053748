// Mathematics.swift: the two functions of the C library that the references need.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

func exponential(_ x: Double) -> Double { exp(x) }
func hyperbolicTangent(_ x: Double) -> Double { tanh(x) }
