// Package metrics counts and times what filters do, for Prometheus.
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
// Nothing is registered globally: the metrics go to the registry that they are
// given. The middleware adds nothing to the plan, and no allocation to an event.
//
// # Metrics
//
//	sluice_messages_total{verdict,filter}           messages, by the last verdict and the filter that gave one which refuses or discards
//	sluice_filter_messages_total{filter,verdict}    messages, by each filter and its own last verdict
//	sluice_handler_duration_seconds{filter,stage}   a histogram over the wrapped handlers
//	sluice_handler_errors_total{filter,stage,kind}  errors that wrapped handlers returned, and their panics
//	sluice_modifications_total{kind}                modifications, by libmilter's name of their kind
//	sluice_recipients_total                         recipients that were shown and not refused
//	sluice_body_bytes_total                         bytes of bodies that were shown
//
// and of the server, once it is watched:
//
//	sluice_connections, sluice_connections_total                MTA connections, which are SMTP sessions: now, and since the start
//	sluice_messages_open, sluice_messages_begun_total           messages under way, and begun
//	sluice_failures_total                                       handlers that failed, wrapped or not, hung ones included
//	sluice_protocol_errors_total, sluice_negotiations_refused_total
//	sluice_kept_memory_bytes, sluice_kept_disk_bytes            what kept messages take of MemoryBudget and DiskBudget
//	sluice_no_room_total, sluice_too_large_total                what was not kept: for want of room, and beyond another limit
//
// Of both counts of messages, the first has one for every message, whatever the
// number of filters, so that its sum is the number of messages.
//
// # Cardinality
//
// No label holds anything that a client or a mail says. filter is one of the
// mounted ones, and the rest are short lists: stage has 13 values, rejected_rcpt
// among them, verdict 9, kind of an error 7, kind of a modification 11. F filters
// with S stages each make at most 9F+9 series of messages, and F·S histograms.
package metrics
