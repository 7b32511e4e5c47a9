package filter

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/sluicemail/sluice/framework"
	"github.com/sluicemail/sluice/framework/message"
)

// Filter asks a scanner about each message.
type Filter struct {
	URL string // of the scanner's /checkv2

	// Early posts the message as the mail server sent it, while the other filters of the
	// router work. It saves time if these take long, too. Otherwise the scanner sees what
	// the filters mounted before left.
	Early bool
}

// Name implements [framework.Filter].
func (Filter) Name() string { return "httpscan" }

// Register implements [framework.Filter].
func (f Filter) Register(r *framework.Router) error {
	edit := editor{r.WantHeaders(), r.GrantInsertHeader(), r.GrantChangeHeader()}
	question := f.questions(r, edit)
	scan := func(s *framework.Session) (answer, error) {
		ask, err := question(s)
		if err != nil {
			return answer{}, err
		}
		return ask(s.Context())
	}
	if f.Early {
		early := framework.Async[answer](r)
		r.BeforeEndOfMessage(func(s *framework.Session) error {
			ask, err := question(s)
			if err != nil {
				return err
			}
			return early.Start(s, ask)
		})
		scan = early.Wait
	}
	r.OnEndOfMessage(func(s *framework.Session, _ *framework.EndOfMessage) (framework.Verdict, error) {
		a, err := scan(s)
		if err != nil {
			return framework.Continue, err
		}
		return edit.apply(s, a)
	})
	return nil
}

// The memory that the filter keeps for a field of the message, and for a field of the question,
// in addition to the name or the value, until the scanner has answered.
const fieldCost, valueCost = 256, 32

// questions returns a function that takes what the scanner is told about a message, and
// returns a function that asks the scanner, which may run beside the session.
func (f Filter) questions(r *framework.Router, edit editor) func(*framework.Session) (func(context.Context) (answer, error), error) {
	r.WantMacro(framework.StageEndOfMessage, "i") // the queue ID
	login := r.WantMacro(framework.StageMail, "auth_authen")
	kept, client, helo, envelope := r.WantMessage(), r.WantClient(), r.WantHelo(), r.WantEnvelope()
	memory := r.WantMemory()
	return func(s *framework.Session) (func(context.Context) (answer, error), error) {
		body := kept.Reader(s)
		req, err := http.NewRequestWithContext(s.Context(), http.MethodPost, f.URL, body)
		if err != nil {
			return nil, err
		}
		user, _ := login.Value(s)
		ip, _ := client.Addr(s).MarshalText() // empty for a unix socket
		req.ContentLength = kept.Size(s)
		for name, values := range map[string][]string{
			"Queue-Id": {s.QueueID()}, "Ip": {string(ip)}, "Hostname": {client.Host(s)}, "Helo": {helo.Value(s)},
			"User": {user}, "From": {envelope.Sender(s)}, "Rcpt": envelope.Recipients(s), "Milter": {"Yes"},
		} {
			for _, value := range values { // cleaned, because a request with control characters fails
				value = message.CleanLine(value, 1000)
				if err := memory.Reserve(s, len(value)+valueCost); err != nil {
					return nil, err
				}
				req.Header.Add(name, value)
			}
		}
		var fields []framework.Field
		for field := range edit.header.All(s) {
			field.Value, field.Raw = "", "" // to remove it, its name and its handle are enough
			if err := memory.Reserve(s, len(field.Name)+fieldCost); err != nil {
				return nil, err
			}
			fields = append(fields, field)
		}
		return func(ctx context.Context) (answer, error) {
			defer func() { _ = body.Close() }() // because the transport may still read it
			a, err := ask(req.WithContext(ctx))
			a.fields = fields
			return a, err
		}, nil
	}
}

// ask returns the scanner's answer of at most 1 MiB. It sends the message to no proxy, and
// follows no redirect.
func ask(req *http.Request) (a answer, err error) {
	began := time.Now()
	defer func() { framework.RecordNote(req.Context(), "http", "POST "+req.URL.Redacted(), began, err) }()
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return a, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return a, fmt.Errorf("the scanner answers with status %d", res.StatusCode)
	}
	err = json.NewDecoder(http.MaxBytesReader(nil, res.Body, 1<<20)).Decode(&a)
	return a, err
}
