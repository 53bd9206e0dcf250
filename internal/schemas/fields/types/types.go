// Package types holds Go types of fields.
package types

import (
	"database/sql/driver"
	"fmt"
	"math/big"
	"net/url"
)

// Size is an enum with a type of its own.
type Size string

// The sizes.
const (
	Small Size = "small"
	Large Size = "large"
)

// Values implements field.EnumValues.
func (Size) Values() []string { return []string{string(Small), string(Large)} }

// Grade is a named integer.
type Grade int

// Color is a struct in Go and a string in the database.
type Color struct{ R, G, B uint8 }

// Value implements driver.Valuer.
func (c Color) Value() (driver.Value, error) { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B), nil }

// Scan implements sql.Scanner.
func (c *Color) Scan(src any) error {
	s, ok, err := text(src)
	if err != nil || !ok {
		*c = Color{}
		return err
	}
	_, err = fmt.Sscanf(s, "#%02x%02x%02x", &c.R, &c.G, &c.B)
	return err
}

// Link is used through a pointer.
type Link struct{ *url.URL }

// Value implements driver.Valuer.
func (l *Link) Value() (driver.Value, error) {
	if l == nil || l.URL == nil {
		return nil, nil
	}
	return l.String(), nil
}

// Scan implements sql.Scanner.
func (l *Link) Scan(src any) error {
	s, ok, err := text(src)
	if err != nil || !ok {
		l.URL = nil
		return err
	}
	l.URL, err = url.Parse(s)
	return err
}

// Decimal is a number that is never rounded.
type Decimal struct{ big.Rat }

// Value implements driver.Valuer.
func (d Decimal) Value() (driver.Value, error) { return d.FloatString(2), nil }

// Scan implements sql.Scanner.
func (d *Decimal) Scan(src any) error {
	switch src := src.(type) {
	case float64:
		d.SetFloat64(src)
		return nil
	case int64:
		d.SetInt64(src)
		return nil
	}
	s, ok, err := text(src)
	if err != nil || !ok {
		d.SetInt64(0)
		return err
	}
	if _, ok := d.SetString(s); !ok {
		return fmt.Errorf("types: %q is no decimal", s)
	}
	return nil
}

func text(src any) (s string, ok bool, err error) {
	switch src := src.(type) {
	case nil:
		return "", false, nil
	case string:
		return src, true, nil
	case []byte:
		return string(src), true, nil
	default:
		return "", false, fmt.Errorf("types: can't scan %T", src)
	}
}
