/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block device (virtio 1.2, 5.2) on an image that travels with the blob. What may be written is copied to RAM at each
 * start of the guest, and so is as in the file again; what may not is read where it lies. A write that was acknowledged
 * is in that RAM, and a flush has nothing to do.
 */
#include "lib/bits.h"
#include "lib/string.h"
#include "virtio/devices.h"

#define SECTOR 512u
#define BYTES_AT_A_TIME MIB(1) /* then others have their turn */
#define REQUEST_MAX	MIB(4)
#define SEGMENTS	(CHAIN_SEGMENTS - 2) /* beside the header and the status */

#define FEATURE_SEG_MAX	   BIT(2)
#define FEATURE_READ_ONLY  BIT(5)
#define FEATURE_BLOCK_SIZE BIT(6)
#define FEATURE_FLUSH	   BIT(9)

enum { READ = 0, WRITE = 1, FLUSH = 4, GET_ID = 8 };
enum { DONE = 0, FAILED = 1, UNSUPPORTED = 2 };
enum { ID_BYTES = 20 };

struct header {
	uint32_t type, reserved;
	uint64_t sector;
};

struct blk_config { /* 5.2.4, as far as the features go */
	uint64_t capacity; /* sectors */
	uint32_t size_max, seg_max;
	uint32_t geometry, block_size;
};
static_assert(sizeof(struct blk_config) == 24, "5.2.4");

struct blk {
	struct blk_config config;
	const uint8_t *image; /* in the blob */
	uint8_t *copy;	      /* NULL: reading only */
	uint64_t size;
	uint64_t done; /* bytes, of this turn */
};

/* Where the request's data lies in the image; ~0: not inside, or too much at a time. */
static uint64_t offset_of(const struct blk *blk, const struct header *header, uint64_t bytes)
{
	uint64_t sectors = blk->size / SECTOR;

	if (bytes % SECTOR || bytes > REQUEST_MAX || !range_fits(header->sector, bytes / SECTOR, sectors))
		return ~0ull;
	return header->sector * SECTOR;
}

static uint8_t read(struct virtio *virtio, const struct header *header, uint64_t bytes)
{
	struct blk *blk = virtio->state;
	uint64_t at = offset_of(blk, header, bytes);

	if (at == ~0ull)
		return FAILED;
	return virtio_write(virtio, 0, 0, (blk->copy ? blk->copy : blk->image) + at, bytes) ? DONE : FAILED;
}

static uint8_t write(struct virtio *virtio, const struct header *header, uint64_t bytes)
{
	struct blk *blk = virtio->state;
	uint64_t at = offset_of(blk, header, bytes);

	if (at == ~0ull || !blk->copy)
		return FAILED;
	return virtio_read(virtio, 0, sizeof(*header), blk->copy + at, bytes) ? DONE : FAILED;
}

static uint8_t identify(struct virtio *virtio, uint64_t bytes)
{
	char id[ID_BYTES] = "hvcore";

	return virtio_write(virtio, 0, 0, id, min_of(bytes, (uint64_t)sizeof(id))) ? DONE : FAILED;
}

static uint8_t carry_out(struct virtio *virtio, const struct header *header, uint64_t in, uint64_t out)
{
	switch (header->type) {
	case READ:
		return read(virtio, header, in);
	case WRITE:
		return write(virtio, header, out);
	case FLUSH:
		return DONE;
	case GET_ID:
		return identify(virtio, in);
	default:
		return UNSUPPORTED;
	}
}

static uint32_t request(struct virtio *virtio, uint32_t queue)
{
	struct blk *blk = virtio->state;
	struct header header;
	uint64_t in = virtio->chain.write_bytes - 1, out = virtio->chain.read_bytes - sizeof(header);
	uint8_t status;

	if (!virtio->chain.write_bytes || !virtio_read(virtio, queue, 0, &header, sizeof(header)))
		return VIRTIO_BROKEN;
	status = carry_out(virtio, &header, in, out);
	if (!virtio_write(virtio, queue, in, &status, sizeof(status)))
		return VIRTIO_BROKEN;
	blk->done += in + out;
	return (uint32_t)(header.type == READ && status == DONE ? in + 1 : 1);
}

/* Until it is empty, or for so many bytes: a request is one of them at least. */
static bool notify(struct virtio *virtio, uint32_t queue)
{
	struct blk *blk = virtio->state;

	blk->done = 0;
	while (blk->done < BYTES_AT_A_TIME && virtio_take(virtio, queue)) {
		uint32_t written = request(virtio, queue);

		if (written == VIRTIO_BROKEN) {
			virtio_break(virtio);
			return false;
		}
		virtio_give(virtio, queue, written);
		blk->done += SECTOR;
	}
	virtio_signal(virtio, queue);
	return blk->done >= BYTES_AT_A_TIME;
}

static void start(struct virtio *virtio)
{
	struct blk *blk = virtio->state;

	if (blk->copy)
		memcpy(blk->copy, blk->image, blk->size);
}

static enum status create(struct virtio *virtio)
{
	const struct hv_device *record = virtio->device.record;
	struct blk *blk = virtio->state;
	enum status s = STATUS_OK;
	void *copy = NULL;

	blk->image = device_payload(virtio->device.vm, record->parameter[1], &blk->size);
	if (!blk->image || !blk->size || blk->size % SECTOR)
		return trace_error(STATUS_INVALID);
	if (record->parameter[2])
		virtio->features |= FEATURE_READ_ONLY;
	else
		s = device_alloc(blk->size, &copy);
	blk->copy = copy;
	blk->config = (struct blk_config){ .capacity = blk->size / SECTOR, .seg_max = SEGMENTS, .block_size = SECTOR };
	virtio->config = &blk->config;
	return s;
}

const struct virtio_ops virtio_blk = {
	.type = HV_VIRTIO_BLK,
	.state_size = sizeof(struct blk),
	.config_size = sizeof(struct blk_config),
	.queues = 1,
	.features = FEATURE_SEG_MAX | FEATURE_BLOCK_SIZE | FEATURE_FLUSH,
	.create = create,
	.start = start,
	.notify = notify,
};
