package mta_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicemail/sluice/wire"
	"github.com/sluicemail/sluice/wire/mta"
)

// A client abandons a message after each of its events, and then sends another
// one. The expected ends are those of the real MTAs: see TestProveAborts in
// framework/miltertest/realmta, "QUIT after RCPT".
func TestSendPart(t *testing.T) {
	t.Parallel()
	tests := map[mta.Flavor]struct {
		parts []string
		then  string
		quits string
	}{
		mta.Postfix:  {[]string{"", "M", "MR", "MRR", "MRRT", "MRRTL", "MRRTLL", "MRRTLLN", "MRRTLLNB", "MRRTLLNBEA"}, "AMRRTLLNBEAAQ", "AAQ"},
		mta.Sendmail: {[]string{"", "M", "MR", "MRR", "MRRT", "MRRTL", "MRRTLL", "MRRTLLN", "MRRTLLNB", "MRRTLLNBE"}, "AMRRTLLNBEQ", "Q"},
		mta.Plain:    {[]string{"", "M", "MR", "MRR", "MRRT", "MRRTL", "MRRTLL", "MRRTLLN", "MRRTLLNB", "MRRTLLNBE"}, "AMRRTLLNBEQ", "AQ"},
	}
	for flavor, tt := range tests {
		for events, part := range tt.parts {
			last := events == len(tt.parts)-1
			f := &filter{}
			c := f.dial(t, mta.Config{Flavor: flavor})
			ended, err := c.SendPart(context.Background(), letter(), events)
			require.NoError(t, err)
			assert.Equal(t, last, ended)
			out, err := c.Send(context.Background(), letter())
			require.NoError(t, err)
			assert.NotNil(t, out.Edited)
			f.quit(t, c)
			then := tt.then
			if last {
				then = then[1:]
			}
			assert.Equal(t, "OCH"+part+then, letters(f.commands()), "%v, %d events", flavor, events)

			f = &filter{}
			c = f.dial(t, mta.Config{Flavor: flavor})
			_, err = c.SendPart(context.Background(), letter(), events)
			require.NoError(t, err)
			f.quit(t, c)
			if !last {
				assert.Equal(t, "OCH"+part+tt.quits, letters(f.commands()), "%v, %d events", flavor, events)
			}
		}
	}
}

// A final verdict of the filter ends the message before the client abandons it.
func TestSendPartRefused(t *testing.T) {
	t.Parallel()
	f := &filter{on: answer(wire.CmdMail, bare(wire.RepReject)...)}
	ended, err := f.dial(t, mta.Config{}).SendPart(context.Background(), letter(), 5)
	require.NoError(t, err)
	assert.True(t, ended)
}

func TestCuts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		quirks mta.Quirks
		cuts   []int
		want   []string
	}{
		{0, nil, []string{"SMFIC_BODY 10 bytes", "SMFIC_BODYEOB 0 bytes"}},
		{0, []int{4}, []string{"SMFIC_BODY 4 bytes", "SMFIC_BODY 6 bytes", "SMFIC_BODYEOB 0 bytes"}},
		{0, []int{0, 1, 1, 9, 10, 11}, []string{"SMFIC_BODY 1 bytes", "SMFIC_BODY 8 bytes", "SMFIC_BODY 1 bytes", "SMFIC_BODYEOB 0 bytes"}},
		{mta.QuirkSet(mta.BodyInEnd), []int{4}, []string{"SMFIC_BODY 4 bytes", "SMFIC_BODYEOB 6 bytes"}},
	}
	for _, tt := range tests {
		f := &filter{}
		m := letter()
		m.Cuts = tt.cuts
		out, err := f.dial(t, mta.Config{Flavor: mta.Plain, Quirks: tt.quirks}).Send(context.Background(), m)
		require.NoError(t, err)
		assert.Equal(t, m.Body, out.Edited.Body)
		chunks := slices.DeleteFunc(f.commands(), func(line string) bool { return !strings.HasPrefix(line, "SMFIC_BODY") })
		assert.Equal(t, tt.want, chunks, tt.cuts)
	}
}
