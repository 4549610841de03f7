// SPDX-License-Identifier: MIT
/*
 * An exporter that goes while others use it, and another that takes over.
 *
 * Importers are bound to the slots of the driver that exported what they need when
 * they were installed (slots.c). When it is replaced, a successor is another live driver
 * that exports every function that anybody was bound to, with the same signatures. All slots
 * are moved to it under drivers_lock: each call enters either the old exporter, whose
 * removal waits for it, or the successor. When an exporter has failed, its slots are dead, and move to
 * the first driver that can succeed it, be it installed then or later.
 *
 * What is left of the old exporter is a remnant: its slots, their thunks and its counters.
 * It stays while drivers are tied to it, those that were bound to it themselves. A successor that is
 * replaced passes on the remnants that lead to it, so that there is one move at most on the way
 * of a call, and a driver that was only bound by moves leaves nothing behind.
 *
 *	user --use--> exporter				before
 *	user --tie--> remnant --successor--> heir	afterwards; and user --use--> heir, which pins it
 *
 * A call that was just begun by way of a remnant may still lead to the exporter that
 * the remnant led to before: successor_drain() waits until it is counted as one of that exporter's,
 * and only then that exporter is drained.
 *
 * State does not move. What a client has obtained from the old exporter means nothing to the
 * new one, as with any driver that was removed and installed again.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/time.h>

static DEFINE_LIST(remnants); /* under drivers_lock */

/* ---- who fits ---- */

static const char *letters_of(const struct signature *signature)
{
	if (signature)
		return signature->text;
	return "none";
}

static bool signatures_equal(const struct signature *signature, const struct signature *other)
{
	if (!signature || !other)
		return signature == other;
	return !strcmp(signature->text, other->text);
}

/* @report: receives all reasons, or NULL */
static bool successor_offers_all(const struct driver *exporter, const struct driver *heir,
				 struct report *report)
{
	struct call_slot *slot;
	bool fits = true;

	for (u32 i = 0; (slot = slot_next_bound(exporter, &i));) {
		const struct export *export = export_find_of(slot->name, heir);

		if (export && signatures_equal(slot->signature, export->signature))
			continue;
		fits = false;
		if (report && !export)
			report_add(report, -EBUSY,
				   "%s (number %ld) cannot take over: it does not export %s",
				   heir->name, heir->id, slot->name);
		else if (report)
			report_add(
				report, -EBUSY,
				"%s (number %ld) cannot take over: its signature of %s is \"%s\", expected \"%s\"",
				heir->name, heir->id, slot->name, letters_of(export->signature),
				letters_of(slot->signature));
	}
	return fits;
}

static bool successor_suits_user(const struct driver *exporter, struct driver *heir,
				 struct driver *user, bool named, struct report *report)
{
	bool circle = driver_depends(heir, user);
	bool misnamed = named && strcmp(exporter->name, heir->name);

	if (circle && report)
		report_add(report, -EBUSY,
			   "%s (number %ld) cannot take over: it depends on %s, which would use it",
			   heir->name, heir->id, user->name);
	if (misnamed && report)
		report_add(
			report, -EBUSY,
			"%s (number %ld) cannot take over: %s needs a driver of the name %s, whatever it exports",
			heir->name, heir->id, user->name, exporter->name);
	return !circle && !misnamed;
}

static bool successor_suits(const struct driver *exporter, struct driver *heir,
			    struct report *report)
{
	bool suits = successor_offers_all(exporter, heir, report);
	const struct driver_use *use;
	const struct driver_tie *tie;

	list_for_each(use, &exporter->users, by_exporter)
		suits = successor_suits_user(exporter, heir, use->user, use->named, report) &&
			suits;
	list_for_each(tie, &exporter->tied, by_exporter)
		suits = successor_suits_user(exporter, heir, tie->user, tie->named, report) &&
			suits;
	return suits;
}

/* Does it offer anything, so that it is worth words? */
static bool successor_offers_some(const struct driver *exporter, const struct driver *heir)
{
	struct call_slot *slot;

	for (u32 i = 0; (slot = slot_next_bound(exporter, &i));)
		if (export_find_of(slot->name, heir))
			return true;
	return !strcmp(exporter->name, heir->name);
}

static bool successor_is_candidate(const struct driver *exporter, const struct driver *heir)
{
	return heir != exporter && heir->state == BANOS_DRIVER_LIVE &&
	       !gate_has_failed(&heir->owner) && successor_offers_some(exporter, heir);
}

static struct driver *successor_find(struct driver *exporter)
{
	struct driver *heir;

	assert_held(&drivers_lock);
	list_for_each(heir, &drivers, link)
		if (successor_is_candidate(exporter, heir) && successor_suits(exporter, heir, NULL))
			return heir;
	return NULL;
}

static void successor_report_none(struct driver *exporter, struct report *report)
{
	struct driver *heir;
	bool any = false;

	list_for_each(heir, &drivers, link)
		if (successor_is_candidate(exporter, heir)) {
			any = true;
			(void)successor_suits(exporter, heir, report);
		}
	if (!any)
		report_add(
			report, -EBUSY,
			"cannot be replaced: no other driver that is installed exports what others use of it");
}

/* ---- what is needed for it ---- */

struct takeover {
	struct list uses; /* of the heir, by by_user; as many as may be needed */
	struct list ties; /* by by_user */
};

static void takeover_discard(struct takeover *takeover)
{
	while (!list_empty(&takeover->uses))
		use_free(list_first(&takeover->uses, struct driver_use, by_user));
	while (!list_empty(&takeover->ties)) {
		struct driver_tie *tie = list_first(&takeover->ties, struct driver_tie, by_user);

		list_del(&tie->by_user);
		kfree(tie);
	}
}

static bool takeover_add_use(struct takeover *takeover, struct driver *heir)
{
	struct driver_use *use = use_create(heir);

	if (use)
		list_add_tail(&use->by_user, &takeover->uses);
	return use;
}

static bool takeover_add_tie(struct takeover *takeover)
{
	struct driver_tie *tie = kzalloc(sizeof(*tie));

	if (tie)
		list_add_tail(&tie->by_user, &takeover->ties);
	return tie;
}

/* @heir: NULL: nobody takes over, it is left an orphan */
static int takeover_prepare(struct takeover *takeover, struct driver *exporter, struct driver *heir)
{
	const struct driver_use *use;
	const struct driver_tie *tie;
	struct call_slot *slot;
	bool enough = true;

	list_init(&takeover->uses);
	list_init(&takeover->ties);
	list_for_each(use, &exporter->users, by_exporter)
		enough = enough && takeover_add_tie(takeover) &&
			 (!heir || takeover_add_use(takeover, heir));
	list_for_each(tie, &exporter->tied, by_exporter)
		enough = enough && heir && takeover_add_use(takeover, heir);
	for (u32 i = 0; heir && enough && (slot = slot_next_bound(exporter, &i));)
		enough = slot_of(export_find_of(slot->name, heir));
	if (enough)
		return 0;
	takeover_discard(takeover);
	return -ENOMEM;
}

/* ---- doing it ---- */

static void takeover_give_use(struct takeover *takeover, struct driver *user, struct driver *heir,
			      u32 count, bool named)
{
	struct driver_use *use = use_find(user, heir);

	if (!use) {
		use = list_first(&takeover->uses, struct driver_use, by_user);
		list_del(&use->by_user);
		use_insert(user, use);
	}
	use->moved += count;
	use->named = use->named || named;
}

static void takeover_tie(struct takeover *takeover, const struct driver_use *use)
{
	struct driver_tie *tie = list_first(&takeover->ties, struct driver_tie, by_user);

	list_del(&tie->by_user);
	tie->user = use->user;
	tie->exporter = use->exporter;
	tie->count = use->count;
	tie->named = use->named;
	driver_get(tie->exporter);
	if (list_empty(&tie->exporter->tied))
		list_add_tail(&tie->exporter->remnant_link, &remnants);
	list_add_tail(&tie->by_user, &tie->user->ties);
	list_add_tail(&tie->by_exporter, &tie->exporter->tied);
}

static void remnant_set_successor(struct driver *remnant, struct driver *heir)
{
	if (heir) {
		driver_get(heir);
		heir->succeeded = true;
	}
	if (remnant->successor)
		driver_put(remnant->successor);
	remnant->successor = heir;
}

/* Those that lead to @exporter lead to its successor at once. Its own slots were moved, or are dead. */
static void remnants_pass_on(struct driver *exporter, struct driver *heir)
{
	struct driver *remnant;
	struct call_slot *slot;

	list_for_each(remnant, &remnants, remnant_link) {
		if (remnant->successor != exporter)
			continue;
		for (u32 i = 0; (slot = slot_next_bound(remnant, &i));) {
			if (heir)
				slot_move(slot, slot->moved_to->moved_to);
			else
				slot_kill(slot);
		}
		remnant_set_successor(remnant, heir);
	}
}

static void takeover_move_slots(struct driver *exporter, struct driver *heir)
{
	struct call_slot *slot;

	for (u32 i = 0; (slot = slot_next_bound(exporter, &i));)
		slot_move(slot, slot_of(export_find_of(slot->name, heir)));
}

/* @exporter has users. @heir: NULL: its slots were killed */
static void takeover_commit(struct takeover *takeover, struct driver *exporter, struct driver *heir)
{
	assert_held(&drivers_lock);
	if (heir)
		takeover_move_slots(exporter, heir);
	remnants_pass_on(exporter, heir);
	for (struct list *at = exporter->users.next, *next; at != &exporter->users; at = next) {
		struct driver_use *use = list_entry(at, struct driver_use, by_exporter);

		next = at->next;
		if (heir)
			takeover_give_use(takeover, use->user, heir, use->count + use->moved,
					  use->named);
		if (use->count)
			takeover_tie(takeover, use);
		use_free(use);
	}
	if (!list_empty(&exporter->tied))
		remnant_set_successor(exporter, heir);
}

/* ---- replacing ---- */

/* No file of it is open, unless they are revoked, and none is opened from now on. */
static bool replace_claim(struct driver *driver, bool revokes)
{
	const struct driver_use *use;
	s32 pins = 0;

	if (revokes) {
		driver->revoked = true;
		__atomic_fetch_or(&driver->pins.v, DRIVER_GOING_PIN, __ATOMIC_SEQ_CST);
		return true;
	}
	list_for_each(use, &driver->users, by_exporter)
		pins++;
	return atomic_cmpxchg(&driver->pins, pins, pins | DRIVER_GOING_PIN) == pins;
}

static int replace_locked(struct driver *driver, struct driver *heir, bool revokes)
{
	struct takeover takeover;
	int err = takeover_prepare(&takeover, driver, heir);

	assert_held(&drivers_lock);
	if (err)
		return err;
	if (replace_claim(driver, revokes)) {
		takeover_commit(&takeover, driver, heir);
		driver_withdraw_locked(driver);
		pr_info("banos: %s: number %ld takes over from number %ld\n", heir->name, heir->id,
			driver->id);
	} else {
		err = -EBUSY;
	}
	takeover_discard(&takeover);
	return err;
}

int driver_replace(struct driver *driver, bool revokes, struct report *report)
{
	struct driver *heir;
	int err = -EBUSY;

	mutex_lock(&drivers_lock);
	heir = successor_find(driver);
	if (heir)
		err = replace_locked(driver, heir, revokes);
	else
		successor_report_none(driver, report);
	mutex_unlock(&drivers_lock);
	if (heir && err == -EBUSY)
		driver_report_users(driver, report);
	if (err == -ENOMEM)
		report_add(report, err, "cannot be replaced: no memory");
	/* Every processor sees that the slots have moved, and it is seen which calls had begun before. */
	if (!err)
		synchronize_rcu();
	return err;
}

/* ---- those that failed ---- */

static void remnant_adopt(struct driver *remnant, struct driver *heir, struct report *report)
{
	struct takeover takeover;
	const struct driver_tie *tie;

	if (!successor_is_candidate(remnant, heir) || !successor_suits(remnant, heir, report))
		return;
	if (takeover_prepare(&takeover, remnant, heir)) {
		report_add(report, -ENOMEM, "%s (number %ld) cannot take over: no memory",
			   heir->name, heir->id);
		return;
	}
	takeover_move_slots(remnant, heir);
	list_for_each(tie, &remnant->tied, by_exporter)
		takeover_give_use(&takeover, tie->user, heir, tie->count, tie->named);
	remnant_set_successor(remnant, heir);
	takeover_discard(&takeover);
	pr_info("banos: %s: number %ld takes over from number %ld, which failed\n", heir->name,
		heir->id, remnant->id);
}

static void orphans_adopt(struct driver *heir)
{
	struct driver *remnant;

	assert_held(&drivers_lock);
	list_for_each(remnant, &remnants, remnant_link) {
		struct report report;

		if (remnant->successor)
			continue;
		driver_report_init(&report);
		strscpy(report.who, remnant->name, sizeof(report.who));
		remnant_adopt(remnant, heir, &report);
		driver_report_log(&report, false);
		report_destroy(&report);
	}
}

void driver_adopt(struct driver *driver)
{
	mutex_lock(&drivers_lock);
	if (driver->state == BANOS_DRIVER_LIVE && !gate_has_failed(&driver->owner))
		orphans_adopt(driver);
	mutex_unlock(&drivers_lock);
}

#ifdef CONFIG_GATE_ABANDON
void driver_orphan(struct driver *driver)
{
	struct takeover takeover;
	struct call_slot *slot;
	struct driver *heir;

	mutex_lock(&drivers_lock);
	for (u32 i = 0; (slot = slot_next_bound(driver, &i));)
		slot_kill(slot);
	if (takeover_prepare(&takeover, driver, NULL)) {
		pr_err("banos: %s: no memory to detach the drivers that use it: it is removed when they are\n",
		       driver->name);
	} else {
		takeover_commit(&takeover, driver, NULL);
		takeover_discard(&takeover);
	}
	list_for_each(heir, &drivers, link)
		orphans_adopt(heir);
	mutex_unlock(&drivers_lock);
	synchronize_rcu();
}
#endif

/* ---- the end of what is left ---- */

static void remnant_free(struct driver *remnant)
{
	slots_free(remnant);
	gate_close(&remnant->owner);
}

static void tie_free(struct driver_tie *tie)
{
	struct driver *exporter = tie->exporter;

	list_del(&tie->by_user);
	list_del(&tie->by_exporter);
	kfree(tie);
	if (list_empty(&exporter->tied)) {
		list_del(&exporter->remnant_link);
		remnant_set_successor(exporter, NULL);
		if (exporter->dismantled)
			remnant_free(exporter);
	}
	driver_put(exporter);
}

bool tie_drop(struct driver *user, struct driver *exporter)
{
	struct driver_tie *tie, *found = NULL;
	struct driver_use *use;

	assert_held(&drivers_lock);
	list_for_each(tie, &user->ties, by_user)
		if (tie->exporter == exporter)
			found = tie;
	if (!found)
		return false;
	if (exporter->successor) {
		use = use_find(user, exporter->successor);
		if (!--use->moved && !use->count)
			use_free(use);
	}
	if (!--found->count)
		tie_free(found);
	return true;
}

void ties_drop_all(struct driver *user)
{
	assert_held(&drivers_lock);
	while (!list_empty(&user->ties))
		tie_free(list_first(&user->ties, struct driver_tie, by_user));
}

void slots_release(struct driver *exporter)
{
	mutex_lock(&drivers_lock);
	exporter->dismantled = true;
	if (list_empty(&exporter->tied))
		remnant_free(exporter);
	mutex_unlock(&drivers_lock);
}

/* Has each remnant been seen without a call since @round began? */
static bool remnants_are_quiet(u64 round)
{
	struct driver *remnant;
	bool quiet = true;
	u64 begun, running;

	mutex_lock(&drivers_lock);
	list_for_each(remnant, &remnants, remnant_link) {
		if (remnant->quiet >= round)
			continue;
		gate_count(&remnant->owner, &begun, &running);
		if (running)
			quiet = false;
		else
			remnant->quiet = round;
	}
	mutex_unlock(&drivers_lock);
	return quiet;
}

int successor_drain(struct driver *driver, u64 deadline_ns)
{
	static u64 rounds;
	u64 round;

	if (!driver->succeeded)
		return 0;
	round = __atomic_add_fetch(&rounds, 1, __ATOMIC_RELAXED);
	while (!remnants_are_quiet(round)) {
		if (fatal_signal_pending() || time_monotonic_ns() >= deadline_ns)
			return -EBUSY;
		sleep_until(time_monotonic_ns() + NSEC_PER_MSEC, false);
	}
	return 0;
}
