package main

const (
	hopPackage      = "./e2e/hop"
	kafkaPackage    = "./e2e/kafka"
	postgresPackage = "./pkg/eventstore/postgres"

	killedRelay = "TestRelay_KilledAtAnyRequestLosesAndDoublesNothing"
)

// onHop are tests of package hop that must find a defect.
func onHop(tests ...claim) proof { return proof{containers, hopPackage, tests} }

func onKafka(tests ...claim) proof { return proof{containers, kafkaPackage, tests} }

func onPostgres(tests ...claim) proof { return proof{postgreSQL, postgresPackage, tests} }

// realSources are the defects that tests on Apache Kafka and PostgreSQL must find:
// what the two hops rest on, taken away a piece at a time.
func realSources() []source {
	return append(relaySources(),
		source{
			name: "offsets are committed outside the database transaction of the effects",
			file: "pkg/inbox/commit.go",
			edits: []edit{{
				"	timer := w.in.metrics.commitTimer()\n	if err := tx.Commit(ctx, unit); err != nil {\n		return err\n	}\n",
				"	timer := w.in.metrics.commitTimer()\n	offsets := eventstore.Unit{Moves: unit.Moves}\n	unit.Moves = nil\n" +
					"	if err := tx.Commit(ctx, unit); err != nil {\n		return err\n	}\n" +
					"	if tx, err = w.in.deps.Store.Begin(ctx); err != nil {\n		return err\n	}\n" +
					"	if err := tx.Commit(ctx, offsets); err != nil {\n		return err\n	}\n",
			}},
			proofs: []proof{onHop(claim{"TestInbox_KilledAtAnyCommitLosesAndRepeatsNothing", `is there 2 times`})},
			unit:   []string{"./pkg/inbox"}, sim: []string{"./pkg/sim"}, schedules: 20_000,
		},
		source{
			name:  "batches of aborted transactions are delivered to readers",
			file:  "pkg/kafka/abort.go",
			edits: []edit{{"return !aborted, nil", "return !aborted || b.count > 0, nil"}},
			proofs: []proof{
				onHop(claim{"TestInbox_AbortedRecordsTakeNoEffect", `"aborted" took effect`}, claim{killedRelay, `is lost`}),
				onKafka(claim{"TestRead_SeesTheCommittedRecordsThatOthersSee", `records, \d+ were committed`}),
			},
			unit: []string{"./pkg/kafka"},
		},
		source{
			name: "positions move without compare-and-set",
			file: postgresPackage[2:] + "/unit.go",
			edits: []edit{{
				"CASE WHEN positions.next = $5 AND positions.topic_id = excluded.topic_id THEN",
				"CASE WHEN $5::bigint IS NOT NULL THEN",
			}},
			proofs: []proof{
				onHop(claim{"TestInbox_TwoReplicasOfOnePartitionHandleEachRecordOnce", `the zombie's commit: <nil>`}),
				onPostgres(claim{"TestStore/PositionMovesByCompareAndSet", `got error <nil>, want a conflict`}),
			},
		},
		source{
			name: "streams are not locked before they are observed",
			file: postgresPackage[2:] + "/tx.go",
			edits: []edit{
				{"		if len(fresh) > 0 {\n", "		if len(fresh) > 0 && b == nil {\n"},
				{"			return nil, fmt.Errorf(\"load %s: its row is gone although it is locked\", id)\n", "			st = eventstore.Stream{ID: id}\n"},
			},
			proofs: []proof{
				onHop(claim{"TestInbox_TwoObservationsOfOneStreamSeeEachOther", `confirmed 0 times`}),
				onPostgres(
					claim{"TestLoad_MakesAnotherProcessWaitForAStreamThatDoesNotExist", `not in .*: the other process waits`},
					claim{"TestStore/LoadWaitsForTheUnitThatHoldsTheStream", `while another unit held the stream|what the second unit saw`}),
			},
		},
	)
}

// relaySources are those of the way out.
func relaySources() []source {
	published := source{unit: []string{"./pkg/outbox"}, sim: []string{"./pkg/sim"}, schedules: 20_000, file: "pkg/outbox/publish.go"}
	const undeleted = "TestRelay_CommitsNoBatchWhileTheRowsOfTheLastAreThere"
	hasty, waits, early := published, published, published
	// The question where the database stands is a second guard, which ends the session.
	hasty.name = "EndTxn does not wait for the deletion of the last batch; a second guard is left"
	hasty.edits = []edit{{"if err := s.settledSoon(work); err != nil {", "if err := error(nil); err != nil {"}}
	hasty.proofs = []proof{onHop(claim{undeleted, `the relay withdraws the batch and waits, and says so`})}
	waits.name = "EndTxn does not wait for the deletion of the last batch; nor does the second guard"
	waits.edits = append([]edit{{"if err := unmoved.answer(work); err != nil {", "if err := unmoved.answer(work); err != nil && s.undeleted == nil {"}}, hasty.edits...)
	waits.proofs = []proof{onHop(claim{undeleted, `published before the rows of the first were gone`})}
	early.name = "rows are deleted before the commit of their transaction"
	early.edits = []edit{{
		"	if err := txn.Commit(work); err != nil {\n		return fmt.Errorf(\"commit batch %d: %w\", s.state.Batch+1, err)\n	}\n" +
			"	s.state.Batch++\n	s.state.PositionOffset = offset\n	s.after = b.mark\n	s.committed++\n	s.delete(ctx, b, s.state)\n",
		"	s.state.Batch++\n	s.state.PositionOffset = offset\n	s.after = b.mark\n	s.committed++\n	s.delete(ctx, b, s.state)\n" +
			"	if err := s.settled(work); err != nil {\n		return err\n	}\n" +
			"	if err := txn.Commit(work); err != nil {\n		return fmt.Errorf(\"commit batch %d: %w\", s.state.Batch, err)\n	}\n",
	}}
	early.proofs = []proof{onHop(claim{killedRelay, `log lost committed records`})}
	return []source{
		{
			name:  "fencing is skipped: each process has transactional ids of its own",
			file:  "pkg/kafka/producer.go",
			edits: []edit{{"			id: id, pid: -1, epoch: -1,\n", "			id: fmt.Sprintf(\"%s-%p\", id, p), pid: -1, epoch: -1,\n"}},
			proofs: []proof{
				onHop(
					claim{"TestRelay_AZombieThatStillTrustsItsLeasePublishesNothing", `the zombie's transaction was committed`},
					claim{killedRelay, `a transaction of somebody else is open`}),
				onKafka(claim{"TestFencing_AZombieCommitsNothing", `the zombie's commit: <nil>`}),
			},
			unit: []string{"./pkg/kafka"},
		},
		positionFirst(), positionLast(), hasty, waits, early,
	}
}

const (
	producesAll  = "	if err := t.txn.Produce(ctx, all...); err != nil {\n		return 0, fenced(err)\n	}\n"
	commitsAll   = "func (t *kafkaTxn) Commit(ctx context.Context) error { return fenced(t.txn.Commit(ctx)) }\n"
	txnOfTheTree = "type kafkaTxn struct {\n	log *KafkaLog\n	txn *kafka.Txn\n}\n"
)

// positionFirst commits the position record in a transaction of its own, before that
// of the records.
func positionFirst() source {
	return source{
		name: "the position is not in the transaction: it is committed before the records",
		file: "pkg/outbox/kafkalog.go",
		edits: []edit{{
			producesAll,
			"	err := t.txn.Produce(ctx, all[len(all)-1])\n	if err == nil {\n		err = t.txn.Commit(ctx)\n	}\n" +
				"	if err == nil {\n		t.txn, err = t.log.producer.Begin()\n	}\n" +
				"	if err == nil {\n		err = t.txn.Produce(ctx, all[:len(all)-1]...)\n	}\n" +
				"	if err != nil {\n		return 0, fenced(err)\n	}\n",
		}},
		proofs: []proof{onHop(claim{killedRelay, `is lost`})},
		unit:   []string{"./pkg/outbox"},
	}
}

// positionLast does so after that of the records.
func positionLast() source {
	return source{
		name: "the position is not in the transaction: it is committed after the records",
		file: "pkg/outbox/kafkalog.go",
		edits: []edit{
			{txnOfTheTree, "type kafkaTxn struct {\n	log      *KafkaLog\n	txn      *kafka.Txn\n	position kafka.Record\n}\n"},
			{
				producesAll,
				"	t.position = all[len(all)-1]\n	if err := t.txn.Produce(ctx, all[:len(all)-1]...); err != nil {\n		return 0, fenced(err)\n	}\n",
			},
			{
				commitsAll,
				"func (t *kafkaTxn) Commit(ctx context.Context) error {\n	if err := t.txn.Commit(ctx); err != nil {\n		return fenced(err)\n	}\n" +
					"	after, err := t.log.producer.Begin()\n	if err != nil {\n		return err\n	}\n" +
					"	if err := after.Produce(ctx, t.position); err != nil {\n		return fenced(err)\n	}\n	return fenced(after.Commit(ctx))\n}\n",
			},
		},
		proofs: []proof{onHop(claim{killedRelay, `is there 2 times`})},
		unit:   []string{"./pkg/outbox"},
	}
}
