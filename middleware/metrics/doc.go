// Package metrics exports metrics of filters and of the server to Prometheus.
//
//	m, err := metrics.New(metrics.Config{Registerer: registry})
//	…
//	r.Use(m.Middleware)
//	srv, err := framework.NewServer(r, framework.Config{})
//	…
//	err = m.Watch(srv.Stats)
//	…
//	go metrics.NewServer("127.0.0.1:9090", metrics.Handler(registry, ready)).ListenAndServe()
//
// The metrics are registered with the given registry, and not globally. The
// middleware adds nothing to the plan, and no allocation to an event.
//
// # Metrics
//
// The middleware exports:
//
//	sluice_messages_total{verdict,filter}           messages, by the last verdict and the filter that refused or discarded them
//	sluice_filter_messages_total{filter,verdict}    messages, by filter and the filter's last verdict
//	sluice_handler_duration_seconds{filter,stage}   a histogram over the wrapped handlers
//	sluice_handler_errors_total{filter,stage,kind}  errors that wrapped handlers returned, and their panics
//	sluice_async_duration_seconds{filter,where}     a histogram over the functions of framework.Async of all filters
//	sluice_async_errors_total{filter,where,kind}    errors that these functions returned, and their panics
//	sluice_modifications_total{kind}                modifications, by libmilter's name of their kind
//	sluice_recipients_total                         recipients that filters received and did not refuse
//	sluice_body_bytes_total                         bytes of bodies that filters received
//
// [Metrics.Watch] exports, for the server:
//
//	sluice_connections_open, sluice_connections_total           MTA connections, one for each SMTP session: current, and since the start
//	sluice_messages_open, sluice_messages_begun_total           messages: current, and since the start
//	sluice_failures_total                                       handlers that failed or timed out, wrapped or not, and RateLimit if its store failed and FailOpen is set
//	sluice_failed_open_total                                    the part of sluice_failures_total because of which no mail was refused
//	sluice_abandoned_handlers, sluice_handlers_abandoned_total  handlers that hang although their connection was closed: current, and since the start
//	sluice_over_limit_total                                     connections that waited, were refused or were closed by a limit on sessions
//	sluice_protocol_errors_total, sluice_missing_actions_total
//	sluice_kept_memory_bytes, sluice_kept_disk_bytes            the parts of MemoryBudget and DiskBudget in use
//	sluice_async_running, sluice_async_started_total            functions of framework.Async: current, and since the start
//	sluice_async_refused_total                                  functions that were not started because of MaxAsync
//	sluice_no_room_total, sluice_too_large_total                what was not kept: because a resource was exhausted, and because of another limit
//
// sluice_messages_total counts each message once, whatever the number of
// filters. Its sum is therefore the number of messages.
// sluice_filter_messages_total counts each message once for each filter.
//
// # Cardinality
//
// No label contains data of a client or a mail. The label filter has the names of
// the mounted filters. The label where has the file and line of each call of
// framework.Async, so that its values change with the program; sum over it in
// alerts. The others have few values: stage has 13, including
// rejected_rcpt, verdict has 9, the kind of an error 8, and the kind of a
// modification 11. F filters with S stages each have at most 9F+9 series of
// messages and F·S histograms.
package metrics
