// Package schema is for what the music store has no room for: a feed, and a
// queue of jobs.
package schema
