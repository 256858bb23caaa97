#ifndef BINSIDE_PEOPLE_H
#define BINSIDE_PEOPLE_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
	int x, y, width, height;
} people_box;

// people_find writes at most room boxes of people in the grey picture and
// returns how many there are, or -1 and the reason in message.
int people_find(unsigned char *grey, int width, int height, double threshold, people_box *boxes, int room, char *message, int message_size);

#ifdef __cplusplus
}
#endif

#endif
