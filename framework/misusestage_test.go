package framework_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/miltertest"
)

// stageCall is a method with the call that is made in the handlers of all stages.
type stageCall struct {
	make func(r *framework.Router) func(s *framework.Session) error
	// wrong lists the stages at which the call is wrong. Unknown is outside of a message
	// here. A client may also send such a command in a message, so reading is right there.
	wrong string
	// fails reports whether the call then returns ErrNoMessage. Otherwise it has no result
	// or no effect, and the server logs a warning.
	fails bool
}

const (
	noMessage = "connect helo unknown abort close"
	noSender  = "connect helo close"
	noHeader  = "connect helo mail rcpt data close"
	noBody    = "connect helo mail rcpt data header end-of-headers body close"
)

// asked makes a call that a grant returns the error of.
func asked[G any](grant func(r *framework.Router) G, use func(g G, s *framework.Session) error) stageCall {
	return stageCall{func(r *framework.Router) func(*framework.Session) error {
		g := grant(r)
		return func(s *framework.Session) error { return use(g, s) }
	}, noMessage, true}
}

// read makes a call that reads what is kept, or a state.
func read[K any](want func(r *framework.Router) K, use func(k K, s *framework.Session), wrong string) stageCall {
	return stageCall{func(r *framework.Router) func(*framework.Session) error {
		k := want(r)
		return func(s *framework.Session) error { use(k, s); return nil }
	}, wrong, false}
}

// ofSession makes a call of a session, which is right at every stage.
func ofSession(use func(s *framework.Session)) stageCall {
	return read(func(*framework.Router) any { return nil }, func(_ any, s *framework.Session) { use(s) }, "")
}

// stageCalls has each method of the package that a handler can call with a session.
func stageCalls() map[string]stageCall {
	field := framework.NthHeader("A", 1)
	adder := func(r *framework.Router) framework.HeaderAdder { return r.GrantAddHeader() }
	inserter := func(r *framework.Router) framework.HeaderInserter { return r.GrantInsertHeader() }
	changer := func(r *framework.Router) framework.HeaderChanger { r.WantHeaders(); return r.GrantChangeHeader() }
	body := func(r *framework.Router) framework.BodyReplacer { return r.GrantReplaceBody() }
	macro := func(r *framework.Router) framework.Macro { return r.WantMacro(framework.StageData, "i") }
	headers := func(r *framework.Router) framework.KeptHeader { return r.WantHeaders() }
	type session = *framework.Session
	return map[string]stageCall{
		"HeaderAdder.Append":     asked(adder, func(g framework.HeaderAdder, s session) error { return g.Append(s, "X", "y") }),
		"HeaderAdder.AppendRaw":  asked(adder, func(g framework.HeaderAdder, s session) error { return g.AppendRaw(s, "X", " y") }),
		"HeaderAdder.InsertTop":  asked(adder, func(g framework.HeaderAdder, s session) error { return g.InsertTop(s, "X", "y") }),
		"HeaderAdder.Prepend":    asked(adder, func(g framework.HeaderAdder, s session) error { return g.Prepend(s, "X", "y") }),
		"HeaderAdder.PrependRaw": asked(adder, func(g framework.HeaderAdder, s session) error { return g.PrependRaw(s, "X", " y") }),
		"HeaderInserter.Insert": asked(inserter, func(g framework.HeaderInserter, s session) error {
			return g.Insert(s, 0, "X", "y")
		}),
		"HeaderInserter.InsertRaw": asked(inserter, func(g framework.HeaderInserter, s session) error {
			return g.InsertRaw(s, 0, "X", " y")
		}),
		"HeaderInserter.InsertAbove": asked(inserter, func(g framework.HeaderInserter, s session) error {
			return g.InsertAbove(s, field, "X", "y")
		}),
		"HeaderInserter.InsertBelow": asked(inserter, func(g framework.HeaderInserter, s session) error {
			return g.InsertBelow(s, field, "X", "y")
		}),
		"HeaderChanger.Change": asked(changer, func(g framework.HeaderChanger, s session) error { return g.Change(s, field, "y") }),
		"HeaderChanger.ChangeRaw": asked(changer, func(g framework.HeaderChanger, s session) error {
			return g.ChangeRaw(s, field, " y")
		}),
		"HeaderChanger.Delete": asked(changer, func(g framework.HeaderChanger, s session) error {
			return g.Delete(s, field)
		}),
		"HeaderRenamer.Rename": {func(r *framework.Router) func(*framework.Session) error {
			rename, headers := r.GrantRenameHeader(), r.WantHeaders()
			var kept framework.HeaderHandle
			r.ObserveHeader(func(_ *framework.Session, h *framework.Header) error { kept = h.Handle(); return nil })
			return func(s *framework.Session) error {
				_ = headers
				err := rename.Rename(s, kept, "B")
				var bad *framework.ValueError
				if errors.As(err, &bad) || errors.Is(err, framework.ErrNoHeader) { // there is no field yet
					return nil
				}
				return err
			}
		}, noMessage, true},
		"BodyReplacer.Replace": asked(body, func(g framework.BodyReplacer, s session) error { return g.Replace(s, []byte("x\r\n")) }),
		"BodyReplacer.ReplaceFrom": asked(body, func(g framework.BodyReplacer, s session) error {
			return g.ReplaceFrom(s, strings.NewReader("x\r\n"))
		}),
		"BodyReplacer.Prepare": asked(func(r *framework.Router) func(session) error {
			replace, err := r.GrantReplaceBody().Prepare([]byte("x"))
			return func(s session) error { return errors.Join(err, replace(s)) }
		}, func(replace func(session) error, s session) error { return replace(s) }),
		"RecipientAdder.Add": asked(func(r *framework.Router) framework.RecipientAdder { return r.GrantAddRecipient() },
			func(g framework.RecipientAdder, s session) error { return g.Add(s, "x@example.org") }),
		"RecipientArgsAdder.Add": asked(func(r *framework.Router) framework.RecipientArgsAdder { return r.GrantAddRecipientWithArgs() },
			func(g framework.RecipientArgsAdder, s session) error { return g.Add(s, "x@example.org") }),
		"RecipientDeleter.Delete": asked(func(r *framework.Router) framework.RecipientDeleter { return r.GrantDeleteRecipient() },
			func(g framework.RecipientDeleter, s session) error { return g.Delete(s, "x@example.org") }),
		"SenderChanger.Change": asked(func(r *framework.Router) framework.SenderChanger { return r.GrantChangeSender() },
			func(g framework.SenderChanger, s session) error { return g.Change(s, "x@example.org") }),
		"Quarantiner.Quarantine": asked(func(r *framework.Router) framework.Quarantiner { return r.GrantQuarantine() },
			func(g framework.Quarantiner, s session) error { return g.Quarantine(s, "odd") }),

		"KeptClient.Addr": read((*framework.Router).WantClient, func(k framework.KeptClient, s session) { k.Addr(s) }, ""),
		"KeptClient.Host": read((*framework.Router).WantClient, func(k framework.KeptClient, s session) { k.Host(s) }, ""),
		"KeptHelo.Value":  read((*framework.Router).WantHelo, func(k framework.KeptHelo, s session) { k.Value(s) }, "connect"),
		"KeptEnvelope.Sender": read((*framework.Router).WantEnvelope,
			func(k framework.KeptEnvelope, s session) { k.Sender(s) }, noSender),
		"KeptEnvelope.Recipients": read((*framework.Router).WantEnvelope,
			func(k framework.KeptEnvelope, s session) { k.Recipients(s) }, "connect helo mail close"),
		"KeptHeader.All": read(headers, func(k framework.KeptHeader, s session) {
			for range k.All(s) {
				break
			}
		}, noHeader),
		"KeptHeader.Named": read(headers, func(k framework.KeptHeader, s session) {
			for range k.Named(s, "A") {
				break
			}
		}, noHeader),
		"KeptHeader.First": read(headers, func(k framework.KeptHeader, s session) { k.First(s, "A") }, noHeader),
		"KeptBody.Reader":  read((*framework.Router).WantBody, func(k framework.KeptBody, s session) { k.Reader(s) }, noBody),
		"KeptBody.Size":    read((*framework.Router).WantBody, func(k framework.KeptBody, s session) { k.Size(s) }, noBody),
		"KeptMessage.Reader": read((*framework.Router).WantMessage,
			func(k framework.KeptMessage, s session) { k.Reader(s) }, noBody),
		"KeptMessage.Size": read((*framework.Router).WantMessage, func(k framework.KeptMessage, s session) { k.Size(s) }, noBody),
		"Macro.Value":      read(macro, func(m framework.Macro, s session) { m.Value(s) }, "connect helo mail rcpt"),
		"Macro.Append":     read(macro, func(m framework.Macro, s session) { m.Append(nil, s) }, "connect helo mail rcpt"),
		"Slot.Get": read(func(r *framework.Router) framework.Slot[int] { return framework.PerMessage[int](r) },
			func(sl framework.Slot[int], s session) { *sl.Get(s)++ }, noSender),
		"Slot.Get of PerConnection": read(func(r *framework.Router) framework.Slot[int] { return framework.PerConnection[int](r) },
			func(sl framework.Slot[int], s session) { *sl.Get(s)++ }, ""),

		"AsyncValue.Start": asked(framework.Async[int], func(v framework.AsyncValue[int], s session) error { return v.Start(s, nil) }),
		"AsyncValue.Wait":  read(framework.Async[int], func(v framework.AsyncValue[int], s session) { _, _ = v.Wait(s) }, ""),
		"AsyncValue.Ready": read(framework.Async[int], func(v framework.AsyncValue[int], s session) { v.Ready(s) }, ""),

		"Memory.Reserve": read((*framework.Router).WantMemory,
			func(m framework.Memory, s session) { _ = m.Reserve(s, 1) }, ""),

		"Session.ID":            ofSession(func(s session) { s.ID() }),
		"Session.Peer":          ofSession(func(s session) { s.Peer() }),
		"Session.QueueID":       ofSession(func(s session) { s.QueueID() }),
		"Session.RawHeaders":    ofSession(func(s session) { s.RawHeaders() }),
		"Session.BodyInDoubt":   ofSession(func(s session) { s.BodyInDoubt() }),
		"Session.InDryRun":      ofSession(func(s session) { s.InDryRun() }),
		"Session.Logger":        ofSession(func(s session) { s.Logger() }),
		"Session.BoundedLogger": ofSession(func(s session) { s.BoundedLogger(nil) }),
		"Session.Annotate":      ofSession(func(s session) { s.Annotate(slog.String("k", "v")) }),
		"Session.Context":       ofSession(func(s session) { _ = s.Context() }),
		"Session.CallWithContext": ofSession(func(s session) {
			next := func(*framework.Session, framework.Event) (framework.Verdict, error) { return framework.Continue, nil }
			_, _ = s.CallWithContext(context.WithoutCancel(s.Context()), next, nil)
		}),
		"Session.SetContextValue": ofSession(func(s session) { s.SetContextValue("k", "v") }),
		"Session.ContextValue":    ofSession(func(s session) { s.ContextValue("k") }),
	}
}

// atEveryStage registers a handler of every stage that makes the call.
func atEveryStage(r *framework.Router, do func(s *framework.Session, stage framework.Stage)) {
	r.ObserveConnect(func(s *framework.Session, e *framework.Connect) error { do(s, e.Stage()); return nil })
	r.ObserveHelo(func(s *framework.Session, e *framework.Helo) error { do(s, e.Stage()); return nil })
	r.ObserveMail(func(s *framework.Session, e *framework.Mail) error { do(s, e.Stage()); return nil })
	r.ObserveRcpt(func(s *framework.Session, e *framework.Rcpt) error { do(s, e.Stage()); return nil })
	r.ObserveData(func(s *framework.Session, e *framework.Data) error { do(s, e.Stage()); return nil })
	r.ObserveHeader(func(s *framework.Session, e *framework.Header) error { do(s, e.Stage()); return nil })
	r.ObserveEndOfHeaders(func(s *framework.Session, e *framework.EndOfHeaders) error { do(s, e.Stage()); return nil })
	r.ObserveBody(func(s *framework.Session, e *framework.Body) error { do(s, e.Stage()); return nil })
	r.OnEndOfMessage(func(s *framework.Session, e *framework.EndOfMessage) (framework.Verdict, error) {
		do(s, e.Stage())
		return framework.Continue, nil
	})
	r.ObserveAbort(func(s *framework.Session, e *framework.Abort) error { do(s, e.Stage()); return nil })
	r.ObserveClose(func(s *framework.Session, e *framework.Close) error { do(s, e.Stage()); return nil })
	r.ObserveUnknown(func(s *framework.Session, e *framework.Unknown) error { do(s, e.Stage()); return nil })
}

// Each method is called at every stage. It works, or returns an error, or has no result,
// which the server logs. Never does it fail without a word, panic, or end the message.
func TestCallsAtEveryStage(t *testing.T) {
	t.Parallel()
	for name, c := range stageCalls() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failed := make(map[framework.Stage]bool)
			filter := miltertest.FilterFunc("f", func(r *framework.Router) error {
				use := c.make(r)
				atEveryStage(r, func(s *framework.Session, stage framework.Stage) {
					if err := use(s); err != nil {
						assert.ErrorIs(t, err, framework.ErrNoMessage, "%v", stage)
						failed[stage] = true
					}
				})
				return nil
			})
			srv := miltertest.NewServer(t, filter, miltertest.AllowWrongStages())
			conn, ctx, msg := srv.Dial(t), t.Context(), miltertest.Message("A: b\n\nhello\n")
			conn.Run(t, msg).AssertAccepted(t)
			_, err := conn.Unknown(ctx, "XYZZY")
			require.NoError(t, err)
			_, err = conn.SendPart(ctx, msg, 2)
			require.NoError(t, err)
			require.NoError(t, conn.Abort())
			require.NoError(t, conn.Quit(ctx))
			srv.Close(t)
			got := failed
			if !c.fails {
				assert.Empty(t, failed)
				got = warned(srv.Logs())
			}
			var want []string
			if c.wrong != "" {
				want = strings.Fields(c.wrong)
			}
			assert.ElementsMatch(t, want, names(got))
		})
	}
}

// warned returns the stages of which the log says that a call was wrong there.
func warned(logs miltertest.Logs) map[framework.Stage]bool {
	stages := make(map[framework.Stage]bool)
	for _, r := range logs {
		at, _ := miltertest.LogAttr(r, "stage")
		for stage := framework.StageConnect; stage <= framework.StageUnknown; stage++ {
			if r.Message == "call at the wrong stage" && stage.String() == at.String() {
				stages[stage] = true
			}
		}
	}
	return stages
}

func names(stages map[framework.Stage]bool) (list []string) {
	for stage := range stages {
		list = append(list, strings.ReplaceAll(stage.String(), " ", "-"))
	}
	return list
}

// TestStageCallsAreComplete looks for the methods in the package's source: those of a
// session, and those of exported types with a session as an argument.
func TestStageCallsAreComplete(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var methods []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil && fn.Name.IsExported() {
				if method, ok := sessionMethod(fn); ok {
					methods = append(methods, method)
				}
			}
		}
	}
	tested := slices.Sorted(maps.Keys(stageCalls()))
	assert.Contains(t, tested, "Slot.Get of PerConnection")
	tested = slices.DeleteFunc(tested, func(name string) bool { return strings.Contains(name, " ") })
	assert.ElementsMatch(t, methods, tested)
}

// sessionMethod returns the name of a method of Session, or of an exported type with a
// session as an argument or in its result. Those of the registration do not count.
func sessionMethod(fn *ast.FuncDecl) (string, bool) {
	receiver := fn.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if index, ok := receiver.(*ast.IndexExpr); ok {
		receiver = index.X
	}
	of, ok := receiver.(*ast.Ident)
	if !ok || !of.IsExported() || of.Name == "Route" {
		return "", false
	}
	takes := of.Name == "Session"
	ast.Inspect(fn.Type, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		takes = takes || ok && id.Name == "Session"
		return true
	})
	return fmt.Sprintf("%s.%s", of.Name, fn.Name.Name), takes
}
