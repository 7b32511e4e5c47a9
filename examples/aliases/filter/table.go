package filter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	_ "modernc.org/sqlite" // the driver

	"github.com/sluicemail/sluice/framework/message"
)

// query takes the rows of the address, or else those without "+tag", or else of "@domain".
const query = `SELECT target FROM aliases WHERE alias = (
	SELECT alias FROM aliases WHERE alias IN (?, ?, ?) ORDER BY length(alias) DESC LIMIT 1)`

// Table looks up targets in a database. It is safe for concurrent use.
type Table struct {
	*sql.DB
	stmt    *sql.Stmt
	answers *lru.Cache[string, answer]
	keep    time.Duration
}

type answer struct {
	targets []string
	until   time.Time
}

// Open opens a database for reading. From then on no answer is older than maxAge. Call
// Close after the last message.
func (t *Table) Open(path string, maxAge time.Duration) (err error) {
	file := url.URL{Path: path, RawQuery: "mode=ro&_pragma=busy_timeout(2000)"}
	db, _ := sql.Open("sqlite", "file:"+file.RequestURI()) // fails only for an unknown driver
	db.SetMaxOpenConns(2)
	db.SetConnMaxLifetime(max(maxAge/2, 1)) // because a connection keeps to the file that it opened
	if t.stmt, err = db.Prepare(query); err != nil {
		return fmt.Errorf("%s: %w", path, errors.Join(err, db.Close()))
	}
	t.DB, t.keep = db, maxAge/2
	t.answers, err = lru.New[string, answer](10_000)
	return err
}

// Targets returns the targets of a recipient: none if it has no row. Neither the case of
// letters counts, nor the form of the domain.
func (t *Table) Targets(ctx context.Context, rcpt string) (targets []string, err error) {
	a, err := message.ParsePath(rcpt, message.Tolerant)
	if err != nil {
		return nil, err
	}
	local, at := strings.ToLower(a.Local), "@"+a.Domain.ASCII()
	if known, ok := t.answers.Get(local + at); ok && time.Now().Before(known.until) {
		return known.targets, nil
	}
	until := time.Now().Add(t.keep)
	plain, _, _ := strings.Cut(local, "+")
	rows, err := t.stmt.QueryContext(ctx, local+at, plain+at, at)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		target, err := message.ParsePath(text, message.Strict)
		if err != nil || target.IsNull() {
			return nil, fmt.Errorf("%s has the target %q, which is no address", rcpt, text)
		}
		target.Domain = message.Domain(target.Domain.ASCII())
		targets = append(targets, target.Addr())
	}
	if err = rows.Err(); err == nil {
		t.answers.Add(local+at, answer{targets, until})
	}
	return targets, err
}
