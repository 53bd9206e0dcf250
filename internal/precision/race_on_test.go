//go:build race

package precision

const raceDetector = true
