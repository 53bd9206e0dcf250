//go:build !race

package cache

// raceDetector reports whether the program was built with the race detector.
const raceDetector = false
