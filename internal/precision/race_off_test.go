//go:build !race

package precision

const raceDetector = false
