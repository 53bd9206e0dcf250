//go:build !race

package redisstore_test

// raceDetector reports whether the tests run, slower, under the race detector.
const raceDetector = false
