package cache

import (
	"database/sql"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
)

// maxWrappers bounds how many wrappers of a driver are looked behind.
const maxWrappers = 32

// Unwrap returns the innermost driver behind Ent's debug driver, this package's
// own and wrappers that have a method Unwrap() dialect.Driver.
func Unwrap(drv dialect.Driver) dialect.Driver {
	for range maxWrappers {
		switch d := drv.(type) {
		case *dialect.DebugDriver:
			drv = d.Driver
		case interface{ Unwrap() dialect.Driver }:
			drv = d.Unwrap()
		default:
			return drv
		}
	}
	return drv
}

// Origin is what a driver talks to in the end. At most one field is set; none
// is for a driver that doesn't say, which may hide a transaction.
type Origin struct {
	DB *sql.DB
	// Tx is a transaction the program opened itself and built a client over.
	Tx *sql.Tx
	// EntTx is a transaction of an Ent client.
	EntTx TxDriver
}

// OriginOf finds what a driver talks to.
func OriginOf(drv dialect.Driver) Origin {
	switch d := Unwrap(drv).(type) {
	case TxDriver:
		return Origin{EntTx: d}
	case *entsql.Driver:
		switch q := d.ExecQuerier.(type) {
		case *sql.DB:
			return Origin{DB: q}
		case *sql.Tx:
			return Origin{Tx: q}
		}
	}
	return Origin{}
}
