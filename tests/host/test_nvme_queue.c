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

/* ---- where data are ---- */

#define LIST_ADDRESS 0x777000u
#define LIST_WORDS   64u

struct model_list {
	struct data_list list;
	uint64_t data[2];
};

static void list_init(struct model_list *model, uint32_t words)
{
	*model = (struct model_list){ .list = { malloc(words * 8), LIST_ADDRESS, words * 8 },
				      .data = { 1, 1 } };
	memset(model->list.memory, 0xee, words * 8);
}

/* Pieces of any number of pages, whose first begins at @skip: each page is named once, in its order. */
static void check_pages(uint32_t shift, uint64_t pages, uint64_t piece, uint64_t skip, uint64_t cut)
{
	uint64_t page = 1ull << shift, at = 0;
	struct data_piece pieces[2 * LIST_WORDS];
	struct model_list model;
	uint32_t count = 0;
	int result;

	list_init(&model, LIST_WORDS);
	for (; at < pages; at += piece, count++)
		pieces[count] =
			(struct data_piece){ (at * 3 + 5) * page,
					     (piece < pages - at ? piece : pages - at) * page };
	pieces[0].address += skip;
	pieces[0].length -= skip;
	pieces[count - 1].length -= cut;
	result = prp_build(pieces, count, shift, &model.list, model.data);
	assert_int_equal(result, pages <= LIST_WORDS + 1 ? 0 : -1);
	if (!result) {
		assert_int_equal(model.data[0], 5 * page + skip);
		assert_true(pages > 1 || !model.data[1]);
		assert_true(pages <= 2 || model.data[1] == LIST_ADDRESS);
		for (uint64_t i = 1; i < pages; i++) {
			uint64_t begin = i / piece * piece,
				 address = (begin * 3 + 5 + i - begin) * page;

			assert_int_equal(pages == 2 ? model.data[1] : model.list.memory[i - 1],
					 address);
		}
	}
	free(model.list.memory);
}

static void test_each_page_is_named(void **state)
{
	for (uint32_t shift = 12; shift <= 16; shift += 4)
		for (uint64_t pages = 1; pages < 70; pages++)
			for (uint64_t piece = 1; piece < 9; piece++) {
				check_pages(shift, pages, piece, 0, 0);
				check_pages(shift, pages, piece, 512, 0);
				check_pages(shift, pages, piece, 0, 511);
				check_pages(shift, pages, piece, 4, 4);
			}
}

static void test_what_pages_cannot_name(void **state)
{
	struct data_piece gap[2] = { { 0x1000, 512 }, { 0x2000, 512 } },
			  late[2] = { { 0x1000, 4096 }, { 0x2200, 512 } },
			  empty[2] = { { 0x1000, 4096 }, { 0x2000, 0 } },
			  endless = { 0x1000, UINT64_MAX };
	struct model_list model;

	list_init(&model, LIST_WORDS);
	assert_int_equal(prp_build(gap, 2, 12, &model.list, model.data), -1);
	assert_int_equal(prp_build(late, 2, 12, &model.list, model.data), -1);
	assert_int_equal(prp_build(empty, 2, 12, &model.list, model.data), -1);
	assert_int_equal(prp_build(&endless, 1, 12, &model.list, model.data), -1);
	assert_int_equal(prp_build(gap, 0, 12, &model.list, model.data), -1);
	free(model.list.memory);
}

static void test_each_segment_is_named(void **state)
{
	struct data_piece pieces[LIST_WORDS];
	struct model_list model;

	for (uint32_t i = 0; i < LIST_WORDS; i++)
		pieces[i] = (struct data_piece){ 0x100004 + 0x3000 * i, 512 * (i + 1) };
	for (uint32_t count = 1; count <= LIST_WORDS; count++) {
		int result;

		list_init(&model, LIST_WORDS);
		result = sgl_build(pieces, count, &model.list, model.data);
		assert_int_equal(result, count <= LIST_WORDS / 2 ? 0 : -1);
		if (count == 1) {
			assert_int_equal(model.data[0], pieces[0].address);
			assert_int_equal(model.data[1], pieces[0].length);
		} else if (!result) {
			assert_int_equal(model.data[0], LIST_ADDRESS);
			assert_int_equal(model.data[1], 16 * count | 0x30ull << 56);
			for (uint32_t i = 0; i < count; i++) {
				assert_int_equal(model.list.memory[2 * i], pieces[i].address);
				assert_int_equal(model.list.memory[2 * i + 1], pieces[i].length);
			}
		}
		free(model.list.memory);
	}
	list_init(&model, LIST_WORDS);
	assert_int_equal(sgl_build(pieces, 0, &model.list, model.data), -1);
	pieces[1].length = 0;
	assert_int_equal(sgl_build(pieces, 2, &model.list, model.data), -1);
	pieces[1].length = UINT32_MAX + 1ull;
	assert_int_equal(sgl_build(pieces, 2, &model.list, model.data), -1);
	free(model.list.memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands_go_round),
		cmocka_unit_test(test_an_empty_queue_has_nothing),
		cmocka_unit_test(test_a_completion_counts_once),
		cmocka_unit_test(test_identifiers_wrap_and_none_is_all_ones),
		cmocka_unit_test(test_each_page_is_named),
		cmocka_unit_test(test_what_pages_cannot_name),
		cmocka_unit_test(test_each_segment_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
