// Package schema is the domain of the tests and the examples: a music store,
// laid out like the Chinook database.
package schema
