package framework

func (c *connection) handleHeader(data []byte) error {
	s := c.session
	e := &s.event.header
	if err := e.msg.Decode(data); err != nil {
		return err
	}
	s.macros.mta.content(s.macros.contentCame)
	if !c.enter(StageHeader, StageHeader) {
		return nil
	}
	e.reset(0)
	var out outcome
	if !s.deferred.is() {
		hit := c.showField(&e.msg)
		if hit == nil {
			e.id, hit = s.content.keepField(&e.msg)
		}
		if hit != nil {
			out = s.exceed(StageHeader, hit)
		}
	}
	if !out.verdict.ends() {
		out = s.dispatch(s.plan.live[StageHeader], StageHeader, e)
	}
	c.answer(StageHeader, out)
	return nil
}

func (c *connection) handleBody(data []byte) error {
	c.session.macros.mta.content(c.session.macros.contentCame)
	if !c.enter(StageBody, StageBody) {
		return nil
	}
	c.answer(StageBody, c.bodyData(data, false))
	return nil
}

// bodyChunk passes a chunk to the lanes that look at the body as it arrives, and keeps it
// for the lanes that look at the body later.
func (c *connection) bodyChunk(chunk []byte) (out outcome) {
	s := c.session
	if s.content.keepsBody() && !s.deferred.is() {
		hit, err := s.content.keepChunk(chunk)
		if hit != nil {
			out = s.exceed(StageBody, hit)
		}
		s.warnClosing(err)
	}
	s.message.result.Size += int64(len(chunk))
	if !out.verdict.ends() {
		s.event.body.chunk = chunk
		out = s.dispatch(s.plan.live[StageBody], StageBody, &s.event.body)
		s.event.body.chunk = nil
	}
	c.conn.Reclaim(chunk)
	return out
}

// handleEndOfBody handles the end of the message. The MTA may send the last chunk of
// the body in the same command.
func (c *connection) handleEndOfBody(chunk []byte) error {
	s := c.session
	if (len(chunk) > 0 || s.content.repeated.Held() > 0) && !s.nego.withheld[StageBody] {
		if !c.enter(StageBody, StageEndOfMessage) {
			return nil
		}
		if out := c.bodyData(chunk, true); out.verdict.ends() {
			c.answer(StageEndOfMessage, out)
			return nil
		}
	}
	if c.conn.Detached() {
		return nil
	}
	if !c.enter(StageEndOfMessage, StageEndOfMessage) {
		return nil
	}
	out, err := s.endOfMessage()
	if err == nil {
		c.answer(StageEndOfMessage, out)
	}
	return err
}
