/* SPDX-License-Identifier: MIT */
/* Queues of NVMe, with a controller that behaves, and one that does not; lists of pages: queue.c, prp.c of drivers/block/nvme. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../drivers/block/nvme/prp.h"
#include "../../drivers/block/nvme/queue.h"

/* The controller's side of a pair of queues. */
struct model {
	struct submission_queue submission;
	struct completion_queue completion;
	struct command_table table;
	struct nvme_command *commands;
	struct nvme_completion *completions;
	uint32_t count, head, done,
		phase; /* head: of commands; done: the completion that is next */
};

static void model_init(struct model *model, uint32_t count)
{
	*model = (struct model){ .count = count, .phase = 1 };
	model->commands = calloc(count, sizeof(*model->commands));
	model->completions = calloc(count, sizeof(*model->completions));
	submission_init(&model->submission, model->commands, count);
	completion_init(&model->completion, model->completions, count);
}

static void model_free(struct model *model)
{
	free(model->commands);
	free(model->completions);
}

/* The driver gives out a command. */
static uint16_t give_command(struct model *model, uint32_t index)
{
	struct nvme_command command = { .opcode = 2, .id = command_begin(&model->table, index) };
	uint32_t before = model->submission.tail,
		 tail = submission_put(&model->submission, &command);

	assert_int_equal(tail, (before + 1) % model->count);
	assert_int_equal(tail, model->submission.tail);
	return command.id;
}

/* The controller completes something. */
static void post_completion(struct model *model, uint16_t id, uint32_t status)
{
	struct nvme_completion *entry = &model->completions[model->done];

	entry->value = 7 + id;
	entry->queue = 1;
	entry->id_and_status = id | (status << 1 | model->phase) << 16;
	model->done = (model->done + 1) % model->count;
	model->phase ^= !model->done;
}

static uint16_t controller_take(struct model *model)
{
	uint16_t id = model->commands[model->head].id;

	model->head = (model->head + 1) % model->count;
	return id;
}

static void test_commands_go_round(void **state)
{
	static const uint32_t counts[] = { 2, 3, 16, 64 };

	for (uint32_t i = 0; i < 4; i++) {
		struct model model;
		struct nvme_answer answer;

		model_init(&model, counts[i]);
		assert_false(completion_pending(&model.completion));
		assert_false(completion_take(&model.completion, &answer));
		for (uint32_t turn = 0; turn < 5 * counts[i]; turn++) {
			uint16_t id = give_command(&model, turn % 8);

			assert_int_equal(controller_take(&model), id);
			post_completion(&model, id, turn % 0x300);
			assert_true(completion_pending(&model.completion));
			assert_true(completion_take(&model.completion, &answer));
			assert_int_equal(answer.id, id);
			assert_int_equal(answer.status, turn % 0x300 << 1);
			assert_int_equal(answer.value, 7 + id);
			assert_int_equal(answer.queue, 1);
			assert_int_equal(command_end(&model.table, answer.id), turn % 8);
			assert_false(completion_pending(&model.completion));
			assert_int_equal(model.completion.head, model.done);
		}
		model_free(&model);
	}
}

static void test_an_empty_queue_has_nothing(void **state)
{
	struct completion_queue queue = { 0 };
	struct nvme_answer answer;

	assert_false(completion_pending(&queue));
	assert_false(completion_take(&queue, &answer));
}

static void test_a_completion_counts_once(void **state)
{
	struct command_table table = { 0 };
	uint16_t first, second;

	for (uint32_t id = 0; id <= UINT16_MAX; id++)
		assert_int_equal(command_end(&table, (uint16_t)id), -1);
	first = command_begin(&table, 3);
	assert_int_equal(command_end(&table, (uint16_t)(first + COMMANDS_MAX)), -1);
	assert_int_equal(command_end(&table, (uint16_t)(first ^ 1)), -1);
	assert_int_equal(command_end(&table, first), 3);
	assert_int_equal(command_end(&table, first), -1);
	second = command_begin(&table, 3);
	assert_int_not_equal(first, second);
	assert_int_equal(command_end(&table, first), -1);
	assert_int_equal(command_end(&table, second), 3);
}

static void test_identifiers_wrap_and_none_is_all_ones(void **state)
{
	struct command_table table = { 0 };

	for (uint32_t turn = 0; turn < 3 * 65536u / COMMANDS_MAX; turn++)
		for (uint32_t index = 0; index < COMMANDS_MAX - 1; index++) {
			uint16_t id = command_begin(&table, index);

			assert_int_not_equal(id, UINT16_MAX);
			assert_int_equal(command_end(&table, id), (int32_t)index);
		}
}

/* ---- pages ---- */

#define PAGES 600u

static void check_pages(uint32_t shift, uint32_t pages_count, uint64_t bytes)
{
	uint64_t room = (1ull << shift) / 8,
		 count = (bytes >> shift) + !!(bytes & ((1ull << shift) - 1)), pages[PAGES],
		 prp[2] = { 1, 1 }, *list = malloc(1u << shift);
	struct prp_buffer buffer = { pages, pages_count, shift, list, 0x777000 };
	int result;

	for (uint64_t i = 0; i < PAGES; i++)
		pages[i] = (i * 3 + 5) << shift;
	memset(list, 0xee, 1u << shift);
	result = prp_build(&buffer, bytes, prp);
	if (!bytes || count > pages_count || count > room + 1) {
		assert_int_equal(result, -1);
		free(list);
		return;
	}
	assert_int_equal(result, 0);
	assert_int_equal(prp[0], pages[0]);
	if (count == 1)
		assert_int_equal(prp[1], 0);
	if (count == 2)
		assert_int_equal(prp[1], pages[1]);
	if (count > 2) {
		assert_int_equal(prp[1], buffer.list_address);
		for (uint64_t i = 1; i < count; i++)
			assert_int_equal(list[i - 1], pages[i]);
	}
	/* Nothing else is written. */
	for (uint64_t i = count > 2 ? count - 1 : 0; i < room; i++)
		assert_int_equal(list[i], 0xeeeeeeeeeeeeeeeeull);
	free(list);
}

static void test_each_page_is_named(void **state)
{
	static const uint64_t pieces[] = { 0, 1, 512, 4095, 4096, 4097 };

	for (uint32_t shift = 12; shift <= 16; shift += 4)
		for (uint32_t pages = 0; pages < 40; pages++)
			for (uint32_t i = 0; i < 6; i++)
				check_pages(shift, 33, ((uint64_t)pages << shift) + pieces[i]);
	/* The list is full; one more has no room. */
	check_pages(12, PAGES, 513 * 4096);
	check_pages(12, PAGES, 513 * 4096 + 1);
	check_pages(12, PAGES, UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands_go_round),
		cmocka_unit_test(test_an_empty_queue_has_nothing),
		cmocka_unit_test(test_a_completion_counts_once),
		cmocka_unit_test(test_identifiers_wrap_and_none_is_all_ones),
		cmocka_unit_test(test_each_page_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
