// Package ent is generated from ent/schema: the music store of the tests and
// the examples.
package ent

//go:generate go run entc.go
