// Package ent is generated from ent/schema: the feed and the queue that
// precision is measured on.
package ent

//go:generate go run entc.go
